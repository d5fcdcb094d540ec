#!/usr/bin/env python3
"""The yardstick for sending: the least that writes central's products at a branch, one call for each record, with no ledger.

Reads products of central by pages, finds taxes, units and categories of the branch by name or path (and creates the
categories that lack), creates each product by a call of its own. It never looks whether a product is there already.
"""
import argparse, json, time, xmlrpc.client

PAGE = 200
SAME = ['name', 'default_code', 'barcode', 'type', 'is_storable', 'tracking', 'sale_ok', 'available_in_pos', 'list_price', 'standard_price', 'to_weight', 'weight',
        'description_sale', 'public_description', 'active']
RELATIONS = ['taxes_id', 'uom_id', 'categ_id', 'pos_categ_ids']


class Side:
    """One database, one login, a count of the calls."""
    calls = 0

    def __init__(self, url, database, user, password):
        Side.calls += 1
        uid = xmlrpc.client.ServerProxy(url + '/xmlrpc/2/common').authenticate(database, user, password, {})
        assert uid, 'wrong password for %s at %s' % (user, database)
        self.proxy, self.login = xmlrpc.client.ServerProxy(url + '/xmlrpc/2/object'), (database, uid, password)

    def call(self, model, method, *args, **named):
        Side.calls += 1
        named.setdefault('context', {'lang': 'en_US', 'tracking_disable': True, 'active_test': False})
        return self.proxy.execute_kw(*self.login, model, method, args, named)

    def company(self):
        return self.call('res.users', 'read', [self.login[1]], ['company_id'])[0]['company_id'][0]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('url', 'central_db', 'central_user', 'central_password', 'branch_db', 'branch_user', 'branch_password'):
        parser.add_argument(name)
    parser.add_argument('--products', type=int, default=1000000, help='this many')
    parser.add_argument('--tag', default='Bulk', help='those with this product tag')
    parser.add_argument('--images', action='store_true', help='their pictures too')
    return parser.parse_args()


class Trees:
    """Categories of both sides by path, those of the branch made when they lack."""

    def __init__(self, central, branch, model):
        self.branch, self.model = branch, model
        self.of_central = {row['id']: row for row in central.call(model, 'search_read', [], ['name', 'parent_id'])}
        self.of_branch = {(row['parent_id'] and row['parent_id'][0], row['name']): row['id'] for row in branch.call(model, 'search_read', [], ['name', 'parent_id'])}

    def at_branch(self, key):
        row = self.of_central[key]
        above = row['parent_id'] and self.at_branch(row['parent_id'][0])
        if (above, row['name']) not in self.of_branch:
            self.of_branch[above, row['name']] = self.branch.call(self.model, 'create', {'name': row['name'], 'parent_id': above})
        return self.of_branch[above, row['name']]


def by_name(side, model, domain):
    return {row['name']: row['id'] for row in side.call(model, 'search_read', domain, ['name'])}


def run(args):
    central = Side(args.url, args.central_db, args.central_user, args.central_password)
    branch = Side(args.url, args.branch_db, args.branch_user, args.branch_password)
    ours = [[('company_id', '=', side.company()), ('type_tax_use', '=', 'sale')] for side in (central, branch)]
    at_branch = by_name(branch, 'account.tax', ours[1])
    taxes = {key: at_branch[name] for name, key in by_name(central, 'account.tax', ours[0]).items() if name in at_branch}
    units = by_name(branch, 'uom.uom', [])
    categories, pos_categories = Trees(central, branch, 'product.category'), Trees(central, branch, 'pos.category')
    fields, done, last = SAME + RELATIONS + (['image_1920'] if args.images else []), 0, 0
    while done < args.products:
        rows = central.call('product.template', 'search_read', [('product_tag_ids.name', '=', args.tag), ('id', '>', last)], fields, order='id', limit=min(PAGE, args.products - done))
        if not rows:
            break
        for row in rows:
            last = row.pop('id')
            values = {key: value for key, value in row.items() if key not in RELATIONS}
            values['taxes_id'] = [(6, 0, [taxes[key] for key in row['taxes_id'] if key in taxes])]
            values['uom_id'] = units[row['uom_id'][1]]
            values['categ_id'] = row['categ_id'] and categories.at_branch(row['categ_id'][0])
            values['pos_categ_ids'] = [(6, 0, [pos_categories.at_branch(key) for key in row['pos_categ_ids']])]
            branch.call('product.template', 'create', values)
            done += 1
    return done


if __name__ == '__main__':
    start = time.monotonic()
    products = run(arguments())
    print(json.dumps({'products': products, 'seconds': round(time.monotonic() - start, 3), 'calls': Side.calls}))
