# Sourced by the commands of this directory: where things are, and how to reach PostgreSQL and Odoo.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${POSBRIDGE_ODOO_DIR:-$HOME/.cache/posbridge-odoo}
port=${POSBRIDGE_ODOO_PORT:-8269}
pgport=${POSBRIDGE_ODOO_PGPORT:-5644}
databases="central branch1 branch2"
export PYTHONDONTWRITEBYTECODE=1

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*" >&2; }
postgres_bin() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }
sql() { # sql DATABASE STATEMENT
  PGOPTIONS="-c client_min_messages=warning" "$(postgres_bin)/psql" -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$pgport" -U postgres "$1" -c "$2"
}
have_database() { [ "$(sql postgres "select 1 from pg_database where datname = '$1'")" = 1 ]; }
odoo() { # the arguments of Odoo's own command line, from any directory
  PYTHONPATH=$here:$dir/root/usr/lib/python3/dist-packages "$dir/venv/bin/python" "$dir/root/usr/bin/odoo" "$@"
}
# From here on the Odoo that a database stands in: those of an older version end in it.
of_database() { # of_database DATABASE
  case $1 in *14 | *16 | *18) version=${1: -2}; . "$here/common_older.sh" ;; esac
}
# Answers whether OUR server (or shell) runs: the process of the pid file, and not another one that got its number.
runs() {
  [ -s "$dir/$1.pid" ] && tr '\0' ' ' < "/proc/$(cat "$dir/$1.pid")/cmdline" 2>/dev/null | grep -F "$dir/odoo.conf" > /dev/null
}
server_runs() { runs server; }
server_answers() {
  python3 - "http://127.0.0.1:$port/web/version" 2>/dev/null <<'PY'
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=5).read()
PY
}
stop_server() {
  server_runs || return 0
  local pid; pid=$(cat "$dir/server.pid")
  kill "$pid"
  for _ in $(seq 100); do server_runs || break; sleep 0.1; done
  ! server_runs || kill -9 "$pid"
  rm -f "$dir/server.pid"
}
# A copy of a database as PostgreSQL copies files; both ends free of connections first. Odoo's files never
# change once written (their name is their hash), so the copy of the filestore can be hard links.
copy_database() { # copy_database FROM TO
  sql postgres "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$1'" >/dev/null
  sql postgres "drop database if exists $2 with (force)"
  sql postgres "create database $2 template $1 owner odoo $(file_copy)"
  rm -rf "$dir/data/filestore/$2"
  if [ -d "$dir/data/filestore/$1" ]; then cp -al "$dir/data/filestore/$1" "$dir/data/filestore/$2"; fi
}
file_copy() { # from PostgreSQL 15 on the default way writes every page to the log first
  [ "$(sql postgres 'show server_version_num')" -lt 150000 ] || echo 'strategy file_copy'
}
# A copy starts with the cache marks of its template, which a running server may hold already: a mark that
# was never there makes every server process drop what it remembers of the database. It is above every mark
# that the copy came with, also of one that was made within the same second. The registry itself is the same
# as in the template, and takes seconds to load: a server that has another one (a scenario added a field) sees
# that its mark is not the template's; the number of the next mark moves on, so that no two changes get the same.
mark() {
  sql "$1" "do \$\$ declare t text; s int;
    begin for t in select table_name from information_schema.tables where table_name like 'orm_signaling_%' loop
      execute format('select greatest(extract(epoch from now())::int, max(id) + 1) from %I', t) into s;
      if t <> 'orm_signaling_registry' then execute format('insert into %I (id) values (%s)', t, s); end if;
      perform setval(t || '_id_seq', s); end loop; end \$\$"
}
