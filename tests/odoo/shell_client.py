"""shell_client.py SOCKET DB SCRIPT: has the server of shell_server.py run a script; exit status 75 if there is no such server."""
import json, os, socket, sys

path, database, script = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
try:
    server.connect(path)
except OSError:
    sys.exit(75)
environment = {name: value for name, value in os.environ.items() if name.startswith('POSBRIDGE_')}
request = json.dumps({'database': database, 'script': script, 'environment': environment}).encode()
socket.send_fds(server, [request], [1, 2])
answer = server.makefile().readline()
sys.exit(int(answer) if answer else 'shell: the script ended without a word')
