//! From the trait to the trait and its client.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{ItemTrait, LitStr, TraitItem};

use crate::method::{Answer, Method, Parameter, Place};
use crate::template::Piece;

pub(crate) fn client(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let base = address(arguments)?;
    let mut item: ItemTrait = syn::parse2(item).map_err(|error| {
        syn::Error::new(
            error.span(),
            "#[client] belongs on a trait: #[client(\"orders\")] trait Orders { … }",
        )
    })?;
    if let Some(parameter) = item.generics.params.first() {
        return Err(syn::Error::new(parameter.span(), "a client has no type parameters"));
    }
    let mut bodies = Vec::new();
    let mut complaints: Option<syn::Error> = None;
    for member in &mut item.items {
        let TraitItem::Fn(method) = member else {
            return Err(syn::Error::new(member.span(), "a client has methods only"));
        };
        match Method::read(method) {
            Ok(call) => bodies.push(body(method, &call)),
            // All complaints at once, not one per build.
            Err(error) => match &mut complaints {
                Some(all) => all.combine(error),
                None => complaints = Some(error),
            },
        }
    }
    if let Some(complaints) = complaints {
        return Err(complaints);
    }
    let (visibility, name) = (&item.vis, &item.ident);
    let client = format_ident!("{name}Client");
    let says = format!("[`{name}`] as calls to `{base}`.");
    item.attrs.push(syn::parse_quote!(#[allow(async_fn_in_trait, reason = "implemented here and in tests")]));
    Ok(quote! {
        #item

        #[doc = #says]
        #[derive(Debug, Clone)]
        #visibility struct #client {
            client: ::wellspring_lb_client::Client,
            base: ::std::string::String,
        }

        impl #client {
            /// Calls through this client.
            #visibility fn new(client: &::wellspring_lb_client::Client) -> Self {
                Self { client: client.clone(), base: #base.to_owned() }
            }

            /// The same calls to another address, `http://localhost:8080` for example.
            #[allow(dead_code, reason = "not every application needs it")]
            #visibility fn at(mut self, base: impl ::core::convert::Into<::std::string::String>) -> Self {
                self.base = base.into();
                self
            }
        }

        impl #name for #client {
            #(#bodies)*
        }
    })
}

/// The address that paths are appended to.
fn address(arguments: TokenStream) -> syn::Result<String> {
    let name: LitStr = syn::parse2(arguments).map_err(|error| {
        syn::Error::new(error.span(), "which service? Write its name: #[client(\"orders\")]")
    })?;
    let text = name.value();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(syn::Error::new(name.span(), "which service? Write its name: #[client(\"orders\")]"));
    }
    let base = if text.contains("://") { text } else { format!("lb://{text}") };
    Ok(base.trim_end_matches('/').to_owned())
}

fn body(method: &syn::TraitItemFn, call: &Method) -> TokenStream {
    let signature = &method.sig;
    let verb = &call.verb;
    let pieces = call.path.iter().map(|piece| match piece {
        Piece::Text(text) => quote! { address.push_str(#text); },
        Piece::Variable(name) => {
            let name = format_ident!("{name}");
            quote! { ::wellspring_lb_client::http::push_segment(&mut address, &#name); }
        }
    });
    let parameters = call.parameters.iter().map(addition);
    let resilience = call.resilience.iter().map(|name| quote! { let call = call.resilience(#name); });
    let answer = match call.answer {
        Answer::Json => quote! { call.fetch().await },
        Answer::Nothing => quote! { call.done().await },
        Answer::Whole => quote! { call.send().await },
    };
    let names = call.parameters.iter().map(|parameter| &parameter.name);
    let end = match &call.fallback {
        Some(fallback) => quote! {
            match #answer {
                ::core::result::Result::Ok(answer) => ::core::result::Result::Ok(answer),
                ::core::result::Result::Err(error) => #fallback(error, #(#names),*),
            }
        },
        None => quote! { #answer.map_err(::core::convert::From::from) },
    };
    quote! {
        #signature {
            #[allow(unused_mut, reason = "a path may be empty")]
            let mut address = self.base.clone();
            #(#pieces)*
            let call = self.client.#verb(address);
            #(#parameters)*
            #(#resilience)*
            #end
        }
    }
}

fn addition(parameter: &Parameter) -> TokenStream {
    let name = &parameter.name;
    let add = match &parameter.place {
        Place::Path => return TokenStream::new(),
        Place::Body => quote! { call.json(&#name) },
        Place::Query(key) => quote! { call.query(&[(#key, &::std::string::ToString::to_string(&#name))]) },
        Place::Header(key) => quote! { call.header(#key, &::std::string::ToString::to_string(&#name)) },
    };
    if parameter.optional && !matches!(parameter.place, Place::Body) {
        quote! { let call = if let ::core::option::Option::Some(#name) = &#name { #add } else { call }; }
    } else {
        quote! { let call = #add; }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(arguments: TokenStream, item: TokenStream) -> String {
        client(arguments, item).unwrap_err().to_string()
    }

    fn of_method(method: &TokenStream) -> String {
        complaint(quote!("orders"), quote! { trait Orders { #method } })
    }

    #[test]
    fn complaints_say_what_to_write() {
        let cases = [
            (quote! { async fn get(&self) -> Result<u8>; }, "which HTTP method?"),
            (quote! { #[get("/{id}")] async fn get(&self) -> Result<u8>; }, "no parameter has that name"),
            (quote! { #[get("/")] async fn get(&self, id: u8) -> Result<u8>; }, "where does `id` go?"),
            (quote! { #[get("/")] fn get(&self) -> Result<u8>; }, "is async"),
            (quote! { #[get("/")] async fn get(&self) -> u8; }, "returns Result<T>"),
            (quote! { #[get("/")] async fn get() -> Result<u8>; }, "takes &self"),
            (quote! { #[get("x")] async fn get(&self) -> Result<u8>; }, "begins with a slash"),
            (quote! { #[get] async fn get(&self) -> Result<u8>; }, "wants a path"),
            (quote! { #[get("/")] #[put("/")] async fn get(&self) -> Result<u8>; }, "one HTTP method"),
            (quote! { #[post("/")] async fn add(&self, a: A, b: B) -> Result<()>; }, "a second body"),
            (
                quote! { #[get("/{id}")] async fn get(&self, id: Option<u8>) -> Result<()>; },
                "cannot be absent",
            ),
        ];
        for (method, expected) in cases {
            let message = of_method(&method);
            assert!(message.contains(expected), "{message} / {expected}");
        }
        assert!(complaint(quote!(), quote! { trait Orders {} }).contains("which service?"));
        assert!(complaint(quote!("orders"), quote! { struct Orders; }).contains("belongs on a trait"));
    }

    #[test]
    fn all_complaints_come_at_once() {
        let item =
            quote! { trait Orders { async fn a(&self) -> Result<u8>; async fn b(&self) -> Result<u8>; } };
        let error = client(quote!("orders"), item).unwrap_err();
        assert_eq!(error.into_iter().count(), 2);
    }
}
