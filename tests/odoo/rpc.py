"""Odoo over XML-RPC, for the tools here that look at databases from outside as admin."""
import os, sys, xmlrpc.client

PAGE = 500
URL = 'http://127.0.0.1:%s' % os.environ.get('POSBRIDGE_ODOO_PORT', '8269')


class Odoo:
    def __init__(self, database, login='admin', password='admin', url=URL, lang='en_US'):
        self.proxy = xmlrpc.client.ServerProxy(url + '/xmlrpc/2/object', allow_none=True)
        self.database, self.password, self.lang = database, password, lang
        self.uid = xmlrpc.client.ServerProxy(url + '/xmlrpc/2/common').authenticate(database, login, password, {})
        if not self.uid:
            sys.exit(f'{database} refuses the login {login}')

    def call(self, model, method, *args, **named):
        named.setdefault('context', {'active_test': False, 'lang': self.lang, 'tz': 'UTC'})
        return self.proxy.execute_kw(self.database, self.uid, self.password, model, method, args, named)

    def all(self, model, domain, fields):
        """Every record, archived ones too, by pages of ascending id."""
        last, found = 0, []
        while True:
            page = self.call(model, 'search_read', [*domain, ('id', '>', last)], fields, order='id', limit=PAGE)
            found += page
            if len(page) < PAGE:
                return found
            last = page[-1]['id']
