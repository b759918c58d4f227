#!/usr/bin/env bash
# Installs and starts a real WordPress on loopback for the tests, and writes an
# env file for them. Safe to run again: it does only what is missing.
#
# usage: start.sh DIR      (DIR is kept short: sockets live in it)
#
# Needs Debian or Ubuntu with a package mirror, and root the first time. Two
# doors lead to the site: PORT as it is, and PORT+1 with the limits of a careful
# host, five requests a second (429) and 2 kB a request (413).
#
# Prints and writes to DIR/env: WP_URL, WP_LIMITED_URL, WP_SITE (a folder),
# WP_RUN_AS (its user), WP_USER and WP_PASSWORD (an editor), WP_AUTHOR and
# WP_AUTHOR_PASSWORD (may change only items of their own), WP_READER and
# WP_READER_PASSWORD (may change nothing).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
dir=$(realpath -m "${1:?usage: start.sh DIR}")
port=${PORT:-8765}
site=$dir/site
mkdir -p "$dir/run" "$dir/log"
chmod 755 "$dir" "$dir/run" "$dir/log"

fail() { echo "start.sh: $*" >&2; exit 1; }

packages() {
  local missing=()
  for package in mariadb-server nginx-light php-fpm php-cli php-mysql php-gd php-mbstring php-xml wordpress; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  [ "$(id -u)" = 0 ] || fail "only root can install: ${missing[*]}"
  echo "installing ${missing[*]}" >&2
  # Packages must not start the services that they bring.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
  { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } \
    >"$dir/log/apt" 2>&1 || fail "apt-get failed, see $dir/log/apt"
}

# Whether the process in a pid file is alive, and was started for this folder.
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir"
}

until_works() {
  local what=$1 tries=300
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "$what does not come up, see $dir/log"
    sleep 0.1
  done
}

# Started as root, the services give that up for users of their own.
if [ "$(id -u)" = 0 ]; then web=www-data db=mysql; else web=$(id -un) db=$(id -un); fi

database() {
  if [ ! -d "$dir/db/mysql" ]; then
    mkdir -p "$dir/db"
    chown "$db" "$dir/db"
    mariadb-install-db --no-defaults --datadir="$dir/db" --user="$db" --skip-test-db \
      --auth-root-authentication-method=normal >"$dir/log/db-install" 2>&1 || fail "no database"
  fi
  alive "$dir/db/pid" || {
    setsid mariadbd --no-defaults --datadir="$dir/db" --user="$db" --skip-networking \
      --socket="$dir/db/sock" --pid-file="$dir/db/pid" --innodb-buffer-pool-size=64M \
      >"$dir/log/db" 2>&1 </dev/null &
  }
  until_works "the database" mariadb-admin --no-defaults --socket="$dir/db/sock" -u root ping
  mariadb --no-defaults --socket="$dir/db/sock" -u root -e "
    CREATE DATABASE IF NOT EXISTS wp CHARACTER SET utf8mb4;
    CREATE USER IF NOT EXISTS wp@localhost IDENTIFIED BY 'wp'; GRANT ALL ON wp.* TO wp@localhost;"
}

files() {
  if [ ! -f "$site/wp-config.php" ]; then
    rm -rf "$site"
    cp -aL /usr/share/wordpress "$site"
    rm -f "$site/wp-config.php"
    mkdir -p "$site/wp-content/uploads" "$site/wp-content/mu-plugins"
    chown -R "$web" "$site/wp-content"
    cat >"$site/wp-config.php" <<PHP
<?php
define( 'DB_NAME', 'wp' );
define( 'DB_USER', 'wp' );
define( 'DB_PASSWORD', 'wp' );
define( 'DB_HOST', 'localhost:$dir/db/sock' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'WP_HOME', 'http://127.0.0.1:$port' );
define( 'WP_SITEURL', WP_HOME );
define( 'WP_ENVIRONMENT_TYPE', 'local' ); // application passwords without TLS
define( 'WP_HTTP_BLOCK_EXTERNAL', true ); // it calls nobody
define( 'DISABLE_WP_CRON', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
\$table_prefix = 'wp_';
defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );
require_once ABSPATH . 'wp-settings.php';
PHP
  fi
}

# nginx and PHP; both write their own pid files.
front() {
  local user="" pool=""
  if [ "$(id -u)" = 0 ]; then
    user="user $web;"
    pool=$'user = www-data\ngroup = www-data\nlisten.owner = www-data'
  fi
  cat >"$dir/fpm.conf" <<CONF
[global]
pid = $dir/run/fpm.pid
error_log = $dir/log/fpm
[wp]
$pool
listen = $dir/run/fpm.sock
pm = static
pm.max_children = 6
CONF
  local place
  place=$(
    cat <<CONF
    root $site;
    index index.php;
    location / { try_files \$uri \$uri/ /index.php?\$args; }
    location ~ \.php\$ {
      LIMIT
      include /etc/nginx/fastcgi_params;
      # The packaged parameters drop the port, and the site would redirect to itself.
      fastcgi_param HTTP_HOST 127.0.0.1:$port;
      fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
      fastcgi_pass unix:$dir/run/fpm.sock;
    }
CONF
  )
  cat >"$dir/nginx.conf" <<CONF
$user
pid $dir/run/nginx.pid;
error_log $dir/log/nginx;
events { }
http {
  include /etc/nginx/mime.types;
  log_format plain '\$request_method \$request_uri \$status';
  access_log $dir/log/access plain;
  client_body_temp_path $dir/run/body;
  fastcgi_temp_path $dir/run/fastcgi;
  proxy_temp_path $dir/run/proxy;
  uwsgi_temp_path $dir/run/uwsgi;
  scgi_temp_path $dir/run/scgi;
  limit_req_zone \$server_port zone=careful:1m rate=2r/s;
  server { listen 127.0.0.1:$port; client_max_body_size 32m; ${place/LIMIT/} }
  server {
    listen 127.0.0.1:$((port + 1)); client_max_body_size 2k;
    ${place/LIMIT/limit_req zone=careful burst=3 nodelay; limit_req_status 429;}
  }
}
CONF
  alive "$dir/run/fpm.pid" || "$(ls /usr/sbin/php-fpm* | tail -n 1)" --daemonize \
    --fpm-config "$dir/fpm.conf" >"$dir/log/fpm-start" 2>&1 || fail "PHP did not start"
  if alive "$dir/run/nginx.pid"; then
    nginx -e "$dir/log/nginx" -p "$dir" -c "$dir/nginx.conf" -s reload
  else
    nginx -e "$dir/log/nginx" -p "$dir" -c "$dir/nginx.conf" || fail "nginx did not start"
  fi
}

packages
database
files
php "$here/library.php" "$site" install "$dir/users" >"$dir/users.new" 2>"$dir/log/install" ||
  fail "the installation failed, see $dir/log/install"
mv "$dir/users.new" "$dir/users"
front
{
  echo "WP_URL=http://127.0.0.1:$port"
  echo "WP_LIMITED_URL=http://127.0.0.1:$((port + 1))"
  echo "WP_SITE=$site"
  echo "WP_RUN_AS=$web"
  echo "WP_ACCESS_LOG=$dir/log/access"
  echo "WP_PLUGIN=$root/contrib/wordpress/altfill-alt-source.php"
  cat "$dir/users"
} >"$dir/env"
chmod 600 "$dir/env" "$dir/users"
until_works "the site" php -r "exit( false === @file_get_contents( 'http://127.0.0.1:$port/wp-json/' ) );"
cat "$dir/env"
