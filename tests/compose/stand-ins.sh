#!/usr/bin/env bash
# stand-ins.sh [NAME...]   debian, redis, rabbitmq, prometheus, zipkin, rust; default: all but rust
# For machines that cannot pull: images of Debian's own packages under the public tags that the compose file and the Dockerfile name, with
# the entry points, users, paths, ports and variables that they rely on. What is there already stays as it is.
# Needs root, a Docker daemon, debootstrap; zipkin needs mvn, rust the toolchain of this machine.
set -euo pipefail
[ $# -gt 0 ] || set -- debian redis rabbitmq prometheus zipkin
export DOCKER_BUILDKIT=0 # The classic builder asks no registry for a base that is here.
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
there() { docker image inspect "$1" >/dev/null 2>&1; }
image() { echo "building $1"; docker build --quiet --network "${BUILD_NETWORK:-default}" --tag "$1" "$2" >/dev/null; }

# Where this machine has its packages from, as lines "URI SUITE".
mirrors() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
    awk '$3 == "main" && $4 == "Packages" && index($2, "bookworm") == 1 { print $1, $2 }' | sort -u
}

debian() {
  there debian:bookworm-slim && return
  echo "building debian:bookworm-slim"
  command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
  local root=$folder/debian mirror
  mirror=$(mirrors | awk '$2 == "bookworm" { print $1; exit }')
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$folder/log" || { tail "$folder/log" >&2; return 1; }
  mirrors | sed 's/^/deb /; s/$/ main/' >"$root/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(Check-|https?::|Retries)' >"$root/etc/apt/apt.conf.d/90host" || true
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"; chmod +x "$root/usr/sbin/policy-rc.d"
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  tar -C "$root" -c . | docker import --change 'CMD ["bash"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - debian:bookworm-slim >/dev/null
  rm -rf "$root"
}

# packaged TAG PACKAGES: a folder for an image that has these packages; the rest of its Dockerfile is read from standard input.
packaged() {
  there "$1" && { cat >/dev/null; return; }
  debian
  local at; at=$(mktemp -d "$folder/XXXX")
  [ -z "${entry:-}" ] || { printf '%s\n' "$entry" >"$at/entry.sh"; chmod +x "$at/entry.sh"; }
  [ -z "${jar:-}" ] || cp "$jar" "$at/"
  { echo 'FROM debian:bookworm-slim'
    echo "RUN apt-get update && apt-get install -y --no-install-recommends $2 && rm -rf /var/lib/apt/lists/*"
    cat; } >"$at/Dockerfile"
  image "$1" "$at"
}

redis() {
  local entry='#!/bin/sh
set -e
[ "$1" = redis-server ] || exec "$@"
shift; chown redis: /data
exec setpriv --reuid redis --regid redis --init-groups redis-server "$@" --protected-mode no'
  packaged redis:7 'redis-server redis-tools' <<'D'
COPY entry.sh /usr/local/bin/
VOLUME /data
WORKDIR /data
EXPOSE 6379
ENTRYPOINT ["entry.sh"]
CMD ["redis-server"]
D
}

rabbitmq() {
  local entry='#!/bin/bash
set -e
[ "$1" = rabbitmq-server ] || exec "$@"
{ echo "loopback_users.guest = false"; echo "log.console = true"; echo "listeners.tcp.default = 5672"; echo "management.tcp.port = 15672"
  [ -z "${RABBITMQ_DEFAULT_USER:-}" ] || echo "default_user = $RABBITMQ_DEFAULT_USER"
  [ -z "${RABBITMQ_DEFAULT_PASS:-}" ] || echo "default_pass = $RABBITMQ_DEFAULT_PASS"
} >/etc/rabbitmq/conf.d/10-defaults.conf
chown -R rabbitmq: /var/lib/rabbitmq /etc/rabbitmq /var/log/rabbitmq
export RABBITMQ_LOGS=- HOME=/var/lib/rabbitmq
exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups /usr/lib/rabbitmq/bin/rabbitmq-server'
  packaged rabbitmq:3-management rabbitmq-server <<'D'
RUN rm -f /var/lib/rabbitmq/.erlang.cookie && mkdir -p /etc/rabbitmq/conf.d \
 && echo '[rabbitmq_management,rabbitmq_prometheus].' >/etc/rabbitmq/enabled_plugins && chown -R rabbitmq: /etc/rabbitmq
COPY entry.sh /usr/local/bin/
ENV LANG=C.UTF-8
VOLUME /var/lib/rabbitmq
EXPOSE 5672 15672
ENTRYPOINT ["entry.sh"]
CMD ["rabbitmq-server"]
D
}

prometheus() {
  packaged prom/prometheus:latest prometheus <<'D'
RUN ln -sf /usr/bin/prometheus /bin/prometheus; ln -sf /usr/bin/promtool /bin/promtool; mkdir -p /prometheus && chown nobody /prometheus
VOLUME /prometheus
EXPOSE 9090
USER nobody
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
D
}

zipkin() {
  there openzipkin/zipkin:3 && return
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact=io.zipkin:zipkin-server:3.5.1:jar:exec \
    -DoutputDirectory="$folder" -Dmdep.stripVersion=true
  mv "$folder"/zipkin-server*.jar "$folder/zipkin.jar"
  local jar=$folder/zipkin.jar
  packaged openzipkin/zipkin:3 'openjdk-17-jre-headless curl' <<'D'
RUN useradd -r -d /zipkin zipkin && mkdir /zipkin
COPY zipkin.jar /zipkin/
USER zipkin
EXPOSE 9411
HEALTHCHECK --interval=5s --timeout=30s --start-period=30s CMD curl -fsS http://127.0.0.1:9411/health || exit 1
ENTRYPOINT ["java", "-Xmx256m", "-jar", "/zipkin/zipkin.jar"]
D
}

rust() {
  there rust:1-bookworm && return
  debian
  local at=$folder/rust sys
  sys=$(realpath "$(rustc --print sysroot)")
  mkdir -p "$at/toolchain" "$at/cargo"
  for part in bin lib libexec; do [ ! -e "$sys/$part" ] || cp -a "$sys/$part" "$at/toolchain/"; done
  cp "${CARGO_HOME:-$HOME/.cargo}/config.toml" "$at/cargo/" 2>/dev/null || true
  cat >"$at/Dockerfile" <<'D'
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make libc6-dev pkg-config git curl patch xz-utils && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY cargo/ /usr/local/cargo/
COPY toolchain/ /usr/local/toolchain/
D
  image rust:1-bookworm "$at"
}

for name in "$@"; do
  case $name in
  debian | redis | rabbitmq | prometheus | zipkin | rust) "$name" ;;
  *) echo "there is no stand-in for $name" >&2; exit 2 ;;
  esac
done
