#!/usr/bin/env python3
"""The yardstick: what a bridge must ask and write at the least, one call after the other, with no ledger.

Reads the orders of one branch by pages, their lines and payments, looks the products up once a page, writes drafts at
central fifty a call under external ids, and reads each batch back. What the bridge needs beyond this is its own cost.
"""
import argparse, json, time, xmlrpc.client

PAGE, BATCH = 200, 50
ORDER_FIELDS = ['uuid', 'pos_reference', 'name', 'date_order', 'amount_total', 'amount_tax', 'session_id', 'lines', 'payment_ids']
LINE_FIELDS = ['order_id', 'product_id', 'full_product_name', 'customer_note', 'qty', 'price_unit', 'discount', 'tax_ids_after_fiscal_position', 'combo_line_ids']
PAYMENT_FIELDS = ['pos_order_id', 'payment_method_id', 'amount', 'is_change']
COLUMNS = ['id', 'partner_id/.id', 'client_order_ref', 'origin', 'date_order', 'company_id/.id', 'warehouse_id/.id', 'pricelist_id/.id',
           'order_line/display_type', 'order_line/product_id/.id', 'order_line/name', 'order_line/product_uom_qty', 'order_line/price_unit',
           'order_line/discount', 'order_line/tax_ids/.id']


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
        return self.proxy.execute_kw(*self.login, model, method, args, named)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('url', 'central_db', 'central_user', 'central_password', 'branch_db', 'branch_user', 'branch_password', 'branch_code'):
        parser.add_argument(name)
    parser.add_argument('--limit', type=int, default=1000000, help='this many orders')
    parser.add_argument('--from', dest='since', default='2021-01-01')
    parser.add_argument('--customer', default='Walk-in Branch 1')
    parser.add_argument('--warehouse', default='TIR')
    parser.add_argument('--pricelist', default='Public Pricelist')
    return parser.parse_args()


class Bridge:
    def __init__(self, args):
        self.args = args
        self.branch = Side(args.url, args.branch_db, args.branch_user, args.branch_password)
        self.central = Side(args.url, args.central_db, args.central_user, args.central_password)
        self.company = self.central.call('res.users', 'read', [self.central.login[1]], ['company_id'])[0]['company_id'][0]
        self.partner = self.only('res.partner', [('name', '=', args.customer)])
        self.warehouse = self.only('stock.warehouse', [('code', '=', args.warehouse)])
        self.pricelist = self.only('product.pricelist', [('name', '=', args.pricelist)])
        central = self.central.call('account.tax', 'search_read', [('company_id', '=', self.company), ('type_tax_use', '=', 'sale')], ['name'])
        names = {row['name']: row['id'] for row in central}
        self.taxes = {row['id']: names.get(row['name']) for row in self.branch.call('account.tax', 'search_read', [('type_tax_use', '=', 'sale')], ['name'])}
        self.products = {}

    def only(self, model, domain):
        [found] = self.central.call(model, 'search', domain)
        return found

    def learn_products(self, ids):
        """Branch ids to central ids: one call a side, and none when all are known."""
        new = sorted(set(ids) - self.products.keys())
        if not new:
            return
        rows = self.branch.call('product.product', 'read', new, ['barcode', 'default_code'])
        barcodes, codes = [row['barcode'] for row in rows if row['barcode']], [row['default_code'] for row in rows if row['default_code']]
        found = self.central.call('product.product', 'search_read', ['|', ('barcode', 'in', barcodes), ('default_code', 'in', codes)],
                                  ['barcode', 'default_code'], context={'active_test': False})
        by = {field: {row[field]: row['id'] for row in found if row[field]} for field in ('barcode', 'default_code')}
        for row in rows:
            self.products[row['id']] = by['barcode'].get(row['barcode']) or by['default_code'].get(row['default_code'])

    def line_cells(self, line):
        if line['combo_line_ids']:
            return ['line_note', '', line['full_product_name'], '', '', '', '']
        name = '\n'.join(filter(None, [line['full_product_name'], line['customer_note']]))
        return ['', self.products[line['product_id'][0]], name, line['qty'], line['price_unit'], line['discount'],
                ','.join(str(self.taxes[tax]) for tax in line['tax_ids_after_fiscal_position'])]

    def order_cells(self, order):
        code = self.args.branch_code
        return ['%s-%d-%s' % (code, order['id'], order['uuid']), self.partner, '%s/%s' % (code, order['pos_reference'] or order['name']),
                order['session_id'][1], order['date_order'], self.company, self.warehouse, self.pricelist]

    def pages(self):
        last, left = 0, self.args.limit
        while left > 0:
            domain = [('state', 'in', ['paid', 'done']), ('date_order', '>=', self.args.since), ('id', '>', last)]
            orders = self.branch.call('pos.order', 'search_read', domain, ORDER_FIELDS, order='id', limit=min(PAGE, left))
            if not orders:
                return
            yield orders
            last, left = orders[-1]['id'], left - len(orders)

    def context(self):
        return {'module': '__posbridge', 'mode': 'update', 'noupdate': True, 'tz': 'UTC', 'lang': 'en_US', 'allowed_company_ids': [self.company], 'tracking_disable': True}


def paid(payments):
    return 'Paid: ' + ', '.join('%s %.2f' % ('change' if p['is_change'] else p['payment_method_id'][1], abs(p['amount']) if p['is_change'] else p['amount']) for p in payments)


def run(args):
    bridge, done, off = Bridge(args), 0, 0
    for orders in bridge.pages():
        lines = bridge.branch.call('pos.order.line', 'read', [i for order in orders for i in order['lines']], LINE_FIELDS)
        payments = bridge.branch.call('pos.payment', 'read', [i for order in orders for i in order['payment_ids']], PAYMENT_FIELDS)
        bridge.learn_products(line['product_id'][0] for line in lines)
        of_line, of_payment = {}, {}
        for line in sorted(lines, key=lambda line: line['id']):
            of_line.setdefault(line['order_id'][0], []).append(line)
        for payment in payments:
            of_payment.setdefault(payment['pos_order_id'][0], []).append(payment)
        for at in range(0, len(orders), BATCH):
            batch, rows = orders[at:at + BATCH], []
            for order in batch:
                cells = [bridge.line_cells(line) for line in of_line.get(order['id'], [])]
                cells.append(['line_note', '', paid(of_payment.get(order['id'], [])), '', '', '', ''])
                head = bridge.order_cells(order)
                for line in cells:
                    rows.append(head + line)
                    head = [''] * len(head)
            answer = bridge.central.call('sale.order', 'load', COLUMNS, rows, context=bridge.context())
            assert answer['ids'], answer['messages']
            written = {row['id']: row for row in bridge.central.call('sale.order', 'read', answer['ids'], ['amount_total', 'amount_tax', 'state', 'name'])}
            off += sum(abs(written[i]['amount_total'] - order['amount_total']) > 0.005 for i, order in zip(answer['ids'], batch))
            done += len(batch)
    return done, off


if __name__ == '__main__':
    start = time.monotonic()
    orders, off = run(arguments())
    print(json.dumps({'orders': orders, 'seconds': round(time.monotonic() - start, 3), 'calls': Side.calls, 'totals_off': off}))
