# Runs inside Odoo's shell without a database: holds what takes seconds to load, and runs each script that `shell` gives it in a
# fork of itself. Listens on the Unix socket $POSBRIDGE_SHELL. A request is a line of JSON {database, script, environment} with the
# file descriptors for the script's output and errors; the answer is its exit status.
import json, os, signal, socket, sys, threading, traceback
from odoo import api, sql_db
from odoo.modules.registry import Registry


def run(database, script):
    threading.current_thread().dbname = database
    with Registry(database).cursor() as cr:
        context = api.Environment(cr, api.SUPERUSER_ID, {})['res.users'].context_get()
        env = api.Environment(cr, api.SUPERUSER_ID, context)
        cr.rollback()
        exec(compile(open(script).read(), script, 'exec'), {'__name__': '__main__', 'env': env, 'self': env.user})
        cr.rollback()


def status_of(database, script):
    try:
        run(database, script)
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1


def answer(connection, request, output, errors):
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.environ.update(request['environment'])
    status = status_of(request['database'], request['script'])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(b'%d\n' % status)
    # Without the parent's work at its end: it has connections and threads of its own.
    os._exit(0)


path = os.environ['POSBRIDGE_SHELL']
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path + '.part')
listener.listen()
os.rename(path + '.part', path)
while True:
    connection, _ = listener.accept()
    descriptors = []
    with connection:
        try:
            line, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
            request = json.loads(line)
            # Loaded once, and again after a change of the models; no connection is left that a fork could share.
            Registry(request['database']).check_signaling()
            sql_db.close_all()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection, request, *descriptors)
        except Exception:
            traceback.print_exc()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
