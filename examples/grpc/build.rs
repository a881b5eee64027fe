//! Client and server of the service `shop.Prices`, described here and not in a `.proto` file: no `protoc` is needed.

use tonic_build::manual::{Builder, Method, Service};

const CODEC: &str = "tonic_prost::ProstCodec";

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::Ask")
            .output_type("crate::Price")
            .codec_path(CODEC)
    };
    let prices = Service::builder()
        .name("Prices")
        .package("shop")
        .method(method("quote", "Quote").build())
        .method(method("follow", "Follow").client_streaming().server_streaming().build())
        .build();
    Builder::new().compile(&[prices]);
}
