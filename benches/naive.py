#!/usr/bin/env python3
"""The plain loop that one writes first: record by record, search, create, read back. For comparison with bare.py."""
import json, sys, time

sys.dont_write_bytecode = True

from bare import LINE_FIELDS, ORDER_FIELDS, PAYMENT_FIELDS, Bridge, Side, arguments, paid


def product_at_central(bridge, branch_id):
    [row] = bridge.branch.call('product.product', 'read', [branch_id], ['barcode', 'default_code'])
    for field in ('barcode', 'default_code'):
        if row[field]:
            found = bridge.central.call('product.product', 'search', [(field, '=', row[field])], context={'active_test': False})
            if found:
                return found[0]
    raise SystemExit('central has no product %s' % row)


def draft(bridge, order):
    lines = []
    for line in bridge.branch.call('pos.order.line', 'search_read', [('order_id', '=', order['id'])], LINE_FIELDS, order='id'):
        if line['combo_line_ids']:
            lines.append([0, 0, {'display_type': 'line_note', 'name': line['full_product_name']}])
            continue
        lines.append([0, 0, {
            'product_id': product_at_central(bridge, line['product_id'][0]), 'name': '\n'.join(filter(None, [line['full_product_name'], line['customer_note']])),
            'product_uom_qty': line['qty'], 'price_unit': line['price_unit'], 'discount': line['discount'],
            'tax_ids': [[6, 0, [bridge.taxes[tax] for tax in line['tax_ids_after_fiscal_position']]]],
        }])
    payments = bridge.branch.call('pos.payment', 'search_read', [('pos_order_id', '=', order['id'])], PAYMENT_FIELDS)
    lines.append([0, 0, {'display_type': 'line_note', 'name': paid(payments)}])
    _, partner, reference, origin, date, company, warehouse, pricelist = bridge.order_cells(order)
    return {'partner_id': partner, 'client_order_ref': reference, 'origin': origin, 'date_order': date, 'company_id': company,
            'warehouse_id': warehouse, 'pricelist_id': pricelist, 'order_line': lines}


def run(args):
    bridge, done, off = Bridge(args), 0, 0
    for page in bridge.pages():
        for row in page:
            [order] = bridge.branch.call('pos.order', 'read', [row['id']], ORDER_FIELDS)
            reference = bridge.order_cells(order)[2]
            if bridge.central.call('sale.order', 'search', [('client_order_ref', '=', reference)]):
                continue
            created = bridge.central.call('sale.order', 'create', draft(bridge, order))
            [written] = bridge.central.call('sale.order', 'read', [created], ['amount_total', 'amount_tax', 'state', 'name'])
            off += abs(written['amount_total'] - order['amount_total']) > 0.005
            done += 1
    return done, off


if __name__ == '__main__':
    start = time.monotonic()
    orders, off = run(arguments())
    print(json.dumps({'orders': orders, 'seconds': round(time.monotonic() - start, 3), 'calls': Side.calls, 'totals_off': off}))
