# Sourced after common.sh by what works on an Odoo before 19 (version is 14, 16 or 18): it stands beside the Odoo 19 of
# common.sh, in the same PostgreSQL. Its databases end in its version.
case ${version:-} in 14 | 16 | 18) ;; *) fail "no Odoo ${version:-} here: 14, 16 or 18" ;; esac
venv=$dir/venv # that of Odoo 19
of_dir=POSBRIDGE_ODOO${version}_DIR of_port=POSBRIDGE_ODOO${version}_PORT
dir=${!of_dir:-$HOME/.cache/posbridge-odoo$version}
port=${!of_port:-82$version}
databases="central$version branch$version"

odoo() { PYTHONPATH=$here "$dir/python" "$dir/root/usr/bin/odoo" "$@"; }
server_answers() {
  python3 - "http://127.0.0.1:$port/xmlrpc/2/common" 2>/dev/null <<'PY'
import sys, xmlrpc.client
xmlrpc.client.ServerProxy(sys.argv[1]).version()
PY
}
