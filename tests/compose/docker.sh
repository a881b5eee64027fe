#!/usr/bin/env bash
# docker.sh up|down   A Docker daemon for the compose run where none is running: Debian's packages, state in a folder of its own.
# Needs root. A daemon that answers is used as it is, and `down` ends only the one that `up` started.
set -euo pipefail
state=${DOCKER_STATE:-/var/tmp/wellspring-docker}
case ${1:-} in
up)
  if docker info >/dev/null 2>&1; then echo "a Docker daemon is there"; exit; fi
  missing=()
  for package in docker.io docker-compose iptables; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  mkdir -p "$state"
  setsid dockerd --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" >"$state/log" 2>&1 </dev/null &
  for _ in $(seq 120); do
    # Docker drops what it does not know between networks; other bridges of this machine are none of its business.
    if docker info >/dev/null 2>&1; then iptables -P FORWARD ACCEPT; echo "started a Docker daemon"; exit; fi
    sleep 0.5
  done
  tail -n 5 "$state/log" >&2; exit 1 ;;
down)
  [ -s "$state/pid" ] || exit 0
  daemon=$(cat "$state/pid"); kill "$daemon" 2>/dev/null || true
  for _ in $(seq 100); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.2; done
  umount "$state"/exec/netns/* 2>/dev/null || true
  ip link del docker0 2>/dev/null || true
  rm -rf "$state" ;;
*) sed -n 2,3p "$0" >&2; exit 2 ;;
esac
