//! What goes over the wire, byte for byte: Eureka, config server and bus messages.
