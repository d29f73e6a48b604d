# A Docker engine of our own, for a Debian machine that has none and reaches no image registry. Sourced by compose-test.
# The machine's network and firewall are left alone: images are built without any network of the engine's, and then the
# engine is started again in a network namespace where it may have the bridge and the rules that it likes.
# Base images are made from Debian's packages. What they cannot replace is Grafana.

# shellcheck shell=bash disable=SC2154  # compose-test sets `state`, `python` and `compose`
engine_files=$state/engine  # kept, so that a second run is quick
engine_netns=prunella-$(printf %s "$state" | cksum | cut -d ' ' -f 1)
engine_run=/run/$engine_netns  # for sockets, because their paths must be short
engine_pid=
export PRUNELLA_BASE_IMAGE=prunella-base:bookworm PRUNELLA_SYSTEMD_IMAGE=prunella-systemd:bookworm

debian_mirror() { sed -n 's/^URIs: *//p; s/^deb [^h]*\(http[^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1; }

install_engine() {
  : >"$state/dockerd.log"
  forget_killed_run
  local packages=()
  command -v dockerd >/dev/null || packages+=(docker.io)
  command -v mmdebstrap >/dev/null || packages+=(mmdebstrap)
  command -v ip >/dev/null || packages+=(iproute2)
  if [ ${#packages[@]} -gt 0 ]; then
    local policy=/usr/sbin/policy-rc.d ours=
    [ -e $policy ] || { ours=1; printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; }
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    [ -z "$ours" ] || rm -f $policy
  fi
  export DOCKER_CONFIG=$engine_files/config
  mkdir -p "$DOCKER_CONFIG"
  if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then install_plugins; fi
}

# Debian 12 has neither plugin; those of Debian 13 run on it. They are unpacked here and not installed.
install_plugins() {
  local work=$engine_files/plugins deb
  mkdir -p "$work"/{lists/partial,cache/archives/partial,unpacked} "$DOCKER_CONFIG/cli-plugins"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" >"$work/sources.list"
  local apt=(apt-get -qq -o "Dir::State::Lists=$work/lists" -o "Dir::Etc::sourcelist=$work/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$work" && "${apt[@]}" download docker-compose docker-buildx)
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$work/unpacked"; done
  cp "$work"/unpacked/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
  rm -rf "$work"
}

# start_engine COMMAND…: COMMAND is put before dockerd; what follows `--` are options of dockerd.
start_engine() {
  local before=()
  while [ "$1" != -- ]; do before+=("$1"); shift; done
  shift
  mkdir -p "$engine_run"
  echo '{}' >"$engine_run/daemon.json"  # and not the machine's
  export PRUNELLA_DOCKER_SOCKET=$engine_run/docker.sock DOCKER_HOST=unix://$engine_run/docker.sock
  setsid setpriv --pdeathsig TERM "${before[@]}" dockerd --config-file "$engine_run/daemon.json" --data-root "$engine_files/data" --exec-root "$engine_run/exec" \
    --pidfile "$engine_run/docker.pid" --host "$DOCKER_HOST" --storage-driver overlay2 "$@" >>"$state/dockerd.log" 2>&1 9>&- &
  engine_pid=$!
  for _ in $(seq 200); do
    if docker info >/dev/null 2>&1; then return; fi
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$state/dockerd.log" >&2
  echo "the engine does not start; its log is $state/dockerd.log" >&2
  return 1
}

start_building_engine() { start_engine -- --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false; }

start_running_engine() {
  docker image prune -f >/dev/null  # of earlier runs
  stop_engine
  ip netns add "$engine_netns"
  ip -n "$engine_netns" link set lo up
  start_engine nsenter "--net=/run/netns/$engine_netns" -- --userland-proxy=true
}

stop_engine() {
  [ -n "$engine_pid" ] || return 0
  docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
  kill "$engine_pid" 2>/dev/null || true
  for _ in $(seq 150); do kill -0 "$engine_pid" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$engine_pid" 2>/dev/null || true
  wait "$engine_pid" 2>/dev/null || true
  engine_pid=
}

remove_engine() {
  stop_engine
  [ ! -e "/run/netns/$engine_netns" ] || ip netns delete "$engine_netns"
  awk -v one="$engine_run/" -v other="$engine_files/data/" 'index($2, one) == 1 || index($2, other) == 1 {print $2}' \
    /proc/self/mounts | sort -r | xargs -r umount -l
  rm -rf "$engine_run"
}

# After SIGKILL the kernel has told the engine to stop; what it leaves is taken away here.
forget_killed_run() {
  local pid
  pid=$(cat "$engine_run/docker.pid" 2>/dev/null || true)
  for _ in $(seq 200); do [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  remove_engine
}

image_of() { "${compose[@]}" config --format json | "$python" -c 'import json, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); print(json.load(sys.stdin)["services"][sys.argv[1]]["image"])' "$1"; }

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Debian's Python, and this machine's certificate authorities, of which a build may need one to reach PyPI.
make_base() {
  if have_image "$PRUNELLA_BASE_IMAGE"; then return; fi
  mmdebstrap --quiet --variant=minbase --mode=root --include=ca-certificates,python3,python3-venv \
    --customize-hook='upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt' \
    bookworm - "$(debian_mirror)" |
    docker import -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - "$PRUNELLA_BASE_IMAGE" >/dev/null
}

# Debian's Prometheus, Alertmanager, Redis, PostgreSQL and HAProxy under the names that docker-compose.yml gives: as user, paths and programs of
# the official images are, but of Debian's versions.
make_stand_ins() {
  local part image
  for part in prometheus alertmanager redis postgres docker-proxy; do
    image=$(image_of "$part")
    if have_image "$image"; then continue; fi
    docker build -q --network host -f docker/stand-ins.Dockerfile --target "$part" --build-arg "BASE_IMAGE=$PRUNELLA_BASE_IMAGE" -t "$image" docker >/dev/null
  done
}

# A machine with systemd and polkit, to prove the manager `systemd` and docs/examples/50-prunella.rules on.
make_systemd() {
  if have_image "$PRUNELLA_SYSTEMD_IMAGE"; then return; fi
  docker build -q --network host -f docker/systemd.Dockerfile --build-arg "BASE_IMAGE=$PRUNELLA_BASE_IMAGE" -t "$PRUNELLA_SYSTEMD_IMAGE" docs/examples >/dev/null
}
