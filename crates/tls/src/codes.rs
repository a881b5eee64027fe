//! Every code of a complaint about TLS settings, with the paragraph that `wellspring explain` prints.

use wellspring_properties::codes::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// All codes of this crate, in order.
        pub const CODES: &[Code] = &[$(Code { code: $code, title: $title, explanation: $explanation }),*];
    };
}

codes! {
    MATERIAL = "WS-1531", "certificate, key or store cannot be used",
        "A file named by server.ssl or spring.ssl.bundle cannot be read, is of another kind than said, or its password does not open it. Certificates and keys are PEM (unencrypted keys: PKCS#8, PKCS#1 or SEC1), stores PKCS#12 or JKS.";
    BUNDLE = "WS-1532", "unknown SSL bundle",
        "A setting names a bundle that stands neither below spring.ssl.bundle.pem nor below spring.ssl.bundle.jks.";
    OPTION = "WS-1533", "TLS option cannot be used",
        "Protocols are TLSv1.2 and TLSv1.3. Cipher suites carry their IANA names; those without forward secrecy or authenticated encryption are not available.";
}
