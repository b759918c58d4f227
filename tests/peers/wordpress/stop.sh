#!/usr/bin/env bash
# Stops what start.sh started for a folder, and nothing else. The data stays.
# usage: stop.sh DIR
set -euo pipefail
dir=$(realpath -m "${1:?usage: stop.sh DIR}")
for file in "$dir/run/nginx.pid" "$dir/run/fpm.pid" "$dir/db/pid"; do
  pid=$(cat "$file" 2>/dev/null) || continue
  # A pid file that was left behind may name somebody else's process by now.
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir" || continue
  kill "$pid"
  for _ in $(seq 200); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
done
