//! One method of the trait: what its attributes and parameters say.

use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, LitStr, Pat, PathArguments, ReturnType, TraitItemFn, Type,
};

use crate::template::{self, Piece};

/// HTTP methods by the names of their attributes.
const VERBS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// A call.
pub(crate) struct Method {
    pub(crate) verb: Ident,
    pub(crate) path: Vec<Piece>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) resilience: Option<LitStr>,
    /// Called with the error and the parameters.
    pub(crate) fallback: Option<syn::Path>,
    pub(crate) answer: Answer,
}

/// A parameter and where it goes.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) place: Place,
    pub(crate) optional: bool,
}

/// Where a parameter goes.
pub(crate) enum Place {
    Path,
    Query(String),
    Header(LitStr),
    Body,
}

/// What the method gives.
pub(crate) enum Answer {
    /// Read from JSON.
    Json,
    /// Nothing, when the status is a success.
    Nothing,
    /// The answer as it came.
    Whole,
}

impl Method {
    /// Reads a method and takes our attributes off it.
    pub(crate) fn read(item: &mut TraitItemFn) -> syn::Result<Self> {
        if let Some(body) = &item.default {
            return Err(syn::Error::new(body.span(), "a method of a client has no body"));
        }
        let signature = &mut item.sig;
        if signature.asyncness.is_none() {
            return Err(syn::Error::new(signature.fn_token.span(), "a method of a client is async"));
        }
        let (verb, path) = verb(&mut item.attrs, signature.ident.span())?;
        let pieces = template::split(&path)?;
        let resilience = take(&mut item.attrs, "resilience").map(|found| found.parse_args()).transpose()?;
        let fallback = take(&mut item.attrs, "fallback").map(|found| found.parse_args()).transpose()?;
        let mut inputs = signature.inputs.iter_mut();
        if !matches!(inputs.next(), Some(FnArg::Receiver(own)) if own.reference.is_some() && own.mutability.is_none())
        {
            return Err(syn::Error::new(signature.ident.span(), "a method of a client takes &self first"));
        }
        let takes_body = matches!(verb.to_string().as_str(), "post" | "put" | "patch");
        let mut parameters = Vec::new();
        for input in inputs {
            parameters.push(parameter(input, &pieces, takes_body)?);
        }
        for piece in &pieces {
            if let Piece::Variable(name) = piece
                && !parameters.iter().any(|parameter| parameter.name == name)
            {
                return Err(template::without_parameter(name, path.span()));
            }
        }
        let bodies: Vec<_> =
            parameters.iter().filter(|parameter| matches!(parameter.place, Place::Body)).collect();
        if let Some(second) = bodies.get(1) {
            return Err(syn::Error::new(
                second.name.span(),
                "a second body: mark it #[query] or #[header(\"…\")]",
            ));
        }
        let answer = answer(&signature.output, signature.ident.span())?;
        Ok(Self { verb, path: pieces, parameters, resilience, fallback, answer })
    }
}

fn verb(attributes: &mut Vec<Attribute>, method: proc_macro2::Span) -> syn::Result<(Ident, LitStr)> {
    let mut found = Vec::new();
    for name in VERBS {
        if let Some(attribute) = take(attributes, name) {
            let path: LitStr = attribute.parse_args().map_err(|error| {
                syn::Error::new(
                    error.span(),
                    format!("#[{name}] wants a path: #[{name}(\"/orders/{{id}}\")]"),
                )
            })?;
            found.push((Ident::new(name, attribute.path().span()), path));
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some((second, _))) => Err(syn::Error::new(second.span(), "a method has one HTTP method")),
        (None, _) => Err(syn::Error::new(
            method,
            "which HTTP method? Write one of #[get(\"/…\")], #[post], #[put], #[patch], #[delete], #[head]",
        )),
    }
}

fn take(attributes: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let position = attributes.iter().position(|attribute| attribute.path().is_ident(name))?;
    Some(attributes.remove(position))
}

fn parameter(input: &mut FnArg, path: &[Piece], takes_body: bool) -> syn::Result<Parameter> {
    let FnArg::Typed(typed) = input else {
        return Err(syn::Error::new(input.span(), "a parameter has a name and a type"));
    };
    let Pat::Ident(pattern) = &*typed.pat else {
        return Err(syn::Error::new(typed.pat.span(), "a parameter is a plain name"));
    };
    let name = pattern.ident.clone();
    let optional = last_segment(&typed.ty).is_some_and(|segment| segment == "Option");
    let in_path = path.iter().any(|piece| matches!(piece, Piece::Variable(variable) if name == variable));
    let place = if let Some(attribute) = take(&mut typed.attrs, "query") {
        let named: Option<LitStr> =
            if matches!(attribute.meta, syn::Meta::Path(_)) { None } else { Some(attribute.parse_args()?) };
        Place::Query(named.map_or_else(|| name.to_string(), |named| named.value()))
    } else if let Some(attribute) = take(&mut typed.attrs, "header") {
        Place::Header(attribute.parse_args().map_err(|error| {
            syn::Error::new(error.span(), "#[header] wants a name: #[header(\"X-Request-Id\")]")
        })?)
    } else if take(&mut typed.attrs, "body").is_some() {
        Place::Body
    } else if in_path {
        Place::Path
    } else if takes_body {
        Place::Body
    } else {
        let message = format!(
            "where does `{name}` go? Mark it #[query], #[header(\"…\")] or #[body], or write {{{name}}} into the path"
        );
        return Err(syn::Error::new(name.span(), message));
    };
    if in_path && !matches!(place, Place::Path) {
        return Err(syn::Error::new(name.span(), format!("`{name}` stands in the path already")));
    }
    if in_path && optional {
        return Err(syn::Error::new(name.span(), "a part of the path cannot be absent"));
    }
    Ok(Parameter { name, place, optional })
}

fn answer(output: &ReturnType, method: proc_macro2::Span) -> syn::Result<Answer> {
    let wrong = || {
        syn::Error::new(
            method,
            "a method of a client returns Result<T>, or Result<T, E> with E: From<CallError>",
        )
    };
    let ReturnType::Type(_, output) = output else { return Err(wrong()) };
    let Type::Path(path) = &**output else { return Err(wrong()) };
    let result = path.path.segments.last().filter(|segment| segment.ident == "Result").ok_or_else(wrong)?;
    let PathArguments::AngleBracketed(arguments) = &result.arguments else { return Err(wrong()) };
    match arguments.args.first() {
        Some(GenericArgument::Type(Type::Tuple(tuple))) if tuple.elems.is_empty() => Ok(Answer::Nothing),
        Some(GenericArgument::Type(inner)) if last_segment(inner).is_some_and(|last| last == "Response") => {
            Ok(Answer::Whole)
        }
        Some(GenericArgument::Type(_)) => Ok(Answer::Json),
        _ => Err(wrong()),
    }
}

fn last_segment(kind: &Type) -> Option<&Ident> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}
