//! `#[client("orders")]`: a trait becomes calls to a service by name. Used through `wellspring_lb_client::client`.
//!
//! The trait stays as written, so tests can implement it; beside it comes a struct `<Trait>Client` that makes the calls.

mod expand;
mod method;
mod template;

use proc_macro::TokenStream;

/// Makes `<Trait>Client`, whose methods are HTTP calls, from a trait of async methods.
///
/// The argument is the service's name, or an address with a path: `#[client("orders")]`, `#[client("lb://orders/api")]`,
/// `#[client("http://localhost:8080")]`. Each method has one of `#[get("/path/{name}")]`, `#[post(…)]`, `#[put(…)]`,
/// `#[patch(…)]`, `#[delete(…)]`, `#[head(…)]`, takes `&self`, and returns a `Result<T>` whose error is made from a `CallError`.
///
/// A parameter whose name stands in braces in the path goes there. Others are marked: `#[query]` (its name, or
/// `#[query("name")]`; an `Option` that is `None` is left out), `#[header("X-Name")]`, `#[body]` (JSON). The one parameter of
/// a `post`, `put` or `patch` that is not marked is the body. `#[resilience("name")]` on a method takes these patterns instead of those named
/// like the service. `#[fallback(function)]` calls `function(error, parameters…)` when the call fails; it gives what the method
/// gives. `T` is read from JSON; `()` ignores the answer's body; `Response` is the answer itself, whatever its status.
#[proc_macro_attribute]
pub fn client(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::client(arguments.into(), item.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}
