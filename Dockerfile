# One image per program: --build-arg BIN=wellspring-registry (…-config-server, …-gateway, …-bus, wellspring, orders, inventory).
#
# BUILD=source    compiles the workspace, once for all images
# BUILD=prebuilt  takes the programs from target/release (cargo build --release --workspace --bins on a Debian 12)
ARG BUILD=source

FROM rust:1-bookworm AS bin-source
WORKDIR /src
# Without rust-toolchain.toml: the toolchain of the image compiles, whatever developers use.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY crates crates
COPY examples examples
COPY bench bench
COPY tests tests
COPY xtask xtask
RUN cargo build --locked --profile dist --workspace --exclude xtask --exclude wellspring-tests --exclude wellspring-bench --bins \
 && mkdir -p /programs \
 && for bin in wellspring wellspring-registry wellspring-config-server wellspring-gateway wellspring-bus orders inventory; do \
      cp "target/dist/$bin" /programs/; done \
 && rm -rf target

FROM debian:bookworm-slim AS bin-prebuilt
COPY target/release/ /programs/

FROM bin-${BUILD} AS programs

FROM debian:bookworm-slim
# State goes to /var/lib/wellspring and nowhere else, so the rest of the file system can be read-only.
RUN useradd --system --uid 10001 --home-dir /var/lib/wellspring --create-home wellspring
ARG BIN=wellspring
COPY --from=programs /programs/${BIN} /usr/local/bin/service
ENV WELLSPRING_STATE_DIR=/var/lib/wellspring
WORKDIR /var/lib/wellspring
VOLUME /var/lib/wellspring
USER wellspring
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=3 CMD ["/usr/local/bin/service", "--health"]
ENTRYPOINT ["/usr/local/bin/service"]
