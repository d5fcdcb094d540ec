# Runs inside the shell of an Odoo 14, 16 or 18 on a branch: what the till of that version sends when it sells, handed to
# the method that the till itself calls. Amounts are rounded line by line, as its JavaScript does.
import collections, datetime, json, os, random, uuid
from odoo import fields
import goods, older

args = json.loads(os.environ['POSBRIDGE_SELL'])
version = int(args['branch'][-2:])
rnd = random.Random(args['seed'])
env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True, generate_pdf=False))
company = env['res.company'].browse(1)
env = env(context=dict(env.context, allowed_company_ids=company.ids))
Product, Order = env['product.product'].with_context(active_test=False), env['pos.order']
late_days = args['days_late'] if args['days_late'] is not None else 3
now = fields.Datetime.now().replace(microsecond=0)
catalogue = {}
for item in goods.PRODUCTS + goods.ONLY_AT_BRANCH:
    field, value = ('default_code', item['code']) if item['code'] else ('barcode', item['barcode'])
    catalogue[item['key']] = Product.search([(field, '=', value)], limit=1)
articles = [catalogue[item['key']] for item in goods.ARTICLES]
company_taxes = {product: product.taxes_id.filtered(lambda tax: tax.company_id == company) for product in catalogue.values() if product}
customers = {item['key']: env['res.partner'].search([('email', '=', item['email'])], limit=1) for item in goods.CUSTOMERS}
cashiers = env['hr.employee'].search([('name', 'in', goods.CASHIERS)])
anna = env['res.users'].search([('login', '=', 'anna')])
catalogue['ARCH-1'].product_tmpl_id.with_context(active_test=False).write({'active': True})
kinds, received, sequence = collections.Counter(), [], 0


class Shop:
    def __init__(self, name):
        self.config = env['pos.config'].search([('name', '=', name)], limit=1)
        if not self.config:
            raise SystemExit('no shop named %s' % name)
        self.session = older.open_session(env, self.config)
        self.currency = self.config.currency_id
        self.cash = self.config.payment_method_ids.filtered('is_cash_count')[:1]
        self.bank = self.config.payment_method_ids.filtered(lambda method: older.is_bank(version, method))[:1]
        self.till = rnd.randint(1, 9)


shops = [Shop(name) for name in ([args['shop']] if args['shop'] else goods.SHOPS)]


def line(product, qty=1.0, discount=0.0, price=None, taxes=None, lots=(), **more):
    return {'product': product, 'qty': qty, 'discount': discount, 'price_unit': product.lst_price if price is None else price,
            'taxes': company_taxes[product] if taxes is None else taxes, 'lots': lots, 'more': more}


def some(count):
    return [line(product, rnd.choice([1.0, 1.0, 2.0, 3.0]), rnd.choice([0.0, 0.0, 10.0])) for product in rnd.sample(articles, count)]


def sell(shop, lines, kind, pay=None, age=0, draft=False, **values):
    """One order as the till sends it. pay: 'cash', 'bank', 'both', 'change'."""
    global sequence
    sequence += 1
    round_ = shop.currency.round
    sums = [item['taxes'].compute_all(item['price_unit'] * (1 - item['discount'] / 100), shop.currency, item['qty'], item['product']) for item in lines]
    total = round_(sum(each['total_included'] for each in sums))
    pay, change = pay or ('cash' if total < 0 or rnd.random() < 0.4 else 'bank'), 0.0
    payments = [(shop.cash if pay == 'cash' else shop.bank, total)]
    if pay == 'both' and total > 1:
        payments = [(shop.bank, round_(total * 0.6)), (shop.cash, round_(total - round_(total * 0.6)))]
    elif pay == 'change':
        tendered = (int(total) // 10 + 1) * 10.0
        payments, change = [(shop.cash, tendered)], round_(tendered - total)
    date = fields.Datetime.to_string(now - datetime.timedelta(days=age, seconds=rnd.randint(1, 3600)))
    order = {
        'amount_paid': total, 'amount_total': total, 'amount_return': change, 'amount_tax': sum(each['total_included'] - each['total_excluded'] for each in sums),
        'session_id': shop.session.id, 'pricelist_id': shop.config.pricelist_id.id, 'partner_id': False, 'user_id': env.uid, 'employee_id': False,
        'sequence_number': sequence, 'date_order': date, 'fiscal_position_id': False, 'to_invoice': False, **values,
    }
    uuids = older.has_uuid(version)
    order_id = older.send(
        Order, version, '%05d-%03d-%04d' % (shop.session.id, shop.till, sequence), {**order, **({'uuid': str(uuid.uuid4())} if uuids else {})},
        [[0, 0, {
            'qty': item['qty'], 'price_unit': item['price_unit'], 'discount': item['discount'], 'product_id': item['product'].id, 'id': i + 1,
            'price_subtotal': each['total_excluded'], 'price_subtotal_incl': each['total_included'], 'tax_ids': [[6, False, item['taxes'].ids]],
            'pack_lot_ids': [[0, 0, {'lot_name': name}] for name in item['lots']], 'full_product_name': item['product'].name, 'price_extra': 0.0,
            **item['more'], **({'uuid': str(uuid.uuid4())} if uuids else {}),
        }] for i, (item, each) in enumerate(zip(lines, sums))],
        [] if draft else [[0, 0, {'name': date, 'payment_method_id': method.id, 'amount': amount, 'payment_status': '', 'ticket': '', 'card_type': '',
                                  'cardholder_name': '', 'transaction_id': '', 'uuid': str(uuid.uuid4())}] for method, amount in payments],
        draft)
    made = Order.browse(order_id)
    assert (made.state == 'draft') == draft, made.state
    if not draft:
        kinds[kind] += 1
        received.append(order_id)
    env.cr.commit()
    return made


def take_back(order):
    """The lines of the till's refund of a sold order."""
    named = older.names_the_refunded_line(version)
    return [line(item.product_id, -item.qty, item.discount, item.price_unit, item.tax_ids, item.pack_lot_ids.mapped('lot_name'), **({'refunded_orderline_id': item.id} if named else {}))
            for item in order.lines]


def combo_lines(qty=1.0):
    """A combo and what was chosen of it: its price stands on what was chosen."""
    items = [combo.combo_item_ids[rnd.randrange(2)] for combo in catalogue['COMBO-1'].combo_ids.sorted('id')]
    whole, rest, round_, lines = sum(item.combo_id.base_price for item in items), catalogue['COMBO-1'].lst_price, company.currency_id.round, []
    for item in items:
        price = round_(item.combo_id.base_price * catalogue['COMBO-1'].lst_price / whole)
        rest -= price
        if item == items[-1]:
            price += rest
        lines.append(line(item.product_id, qty, price=round_(price + item.extra_price), combo_item_id=item.id))
    return [line(catalogue['COMBO-1'], qty, price=0.0, combo_line_ids=[2, 3]), *lines]


def back_office_refund(order, kind='refund back office'):
    refund = Order.browse(order.refund()['res_id'])
    env['pos.make.payment'].with_context(active_id=refund.id, active_ids=refund.ids).create(
        {'payment_method_id': order.session_id.payment_method_ids.filtered('is_cash_count')[:1].id, 'amount': refund.amount_total}).check()
    assert refund.state in ('paid', 'done'), refund.state
    kinds[kind] += 1
    received.append(refund.id)
    env.cr.commit()


def shop_mix(shop):
    """One of each kind."""
    by_taxes = lambda names: [catalogue[item['key']] for item in goods.ARTICLES if item['taxes'] == names]
    sell(shop, [line(rnd.choice(by_taxes(names)), rnd.choice([1.0, 2.0])) for names in goods.TAX_SETS], 'all taxes')
    sell(shop, [line(product, 2.0, 10.0) for product in rnd.sample(articles, 3)], 'discount 10')
    sell(shop, [line(product, 1.0, 33.333) for product in rnd.sample(articles, 4)], 'discount 33.333')
    sell(shop, [line(catalogue['WEIGH-1'], 0.125), *some(1)], 'weight 0.125')
    sell(shop, some(4), 'several payments', pay='both')
    sell(shop, some(3), 'change, customer', pay='change', partner_id=customers['C-001'].id)
    for key in customers:
        sell(shop, some(2), 'customer ' + key, partner_id=customers[key].id)
    sell(shop, some(3), 'invoiced', to_invoice=True, partner_id=customers['C-001'].id)
    sell(shop, some(2) + [line(catalogue['TIPS'], 1.0, price=3.5)], 'tip', is_tipped=True, tip_amount=3.5)
    sell(shop, some(3) + [line(catalogue['DISC'], 1.0, price=-4.2)], 'global discount')
    sell(shop, [line(catalogue['LOT-1'], 2.0, lots=['LOT-%04d' % rnd.randrange(10000)]), *some(1)], 'lot')
    sell(shop, [line(catalogue['SERIAL-1'], 1.0, lots=['SN-' + uuid.uuid4().hex[:8]])], 'serial')
    sell(shop, [line(catalogue['ARCH-1']), *some(1)], 'archived')
    sell(shop, some(2), 'cashier', employee_id=cashiers[0].id, user_id=anna.id)
    if older.has_line_notes(version):
        note = 'without <sugar> & "milk"\nto go é漢🎉'
        sell(shop, [line(product, customer_note=note) for product in rnd.sample(articles, 2)], 'notes', **older.note(version, 'Gift ✂ for Zoë & co'))
    sold = sell(shop, [line(articles[5], 3.0, 33.333), line(articles[6], 2.0)], 'sold, to refund', pay='cash')
    sell(shop, take_back(sold), 'refund till', pay='cash')
    back_office_refund(sell(shop, some(3), 'sold, to refund', pay='cash', partner_id=customers['C-004'].id))
    if older.has_combos(version):
        sell(shop, combo_lines(2.0) + some(1), 'combo')
        back_office_refund(sell(shop, combo_lines(), 'sold, to refund', pay='cash'), 'refund back office, combo')
    sell(shop, some(20), 'many lines')


while len(received) < args['orders']:
    for shop in shops:
        shop_mix(shop) if len(received) + 32 <= args['orders'] else sell(shop, some(rnd.randint(1, 6)), 'plain')
ignored = [sell(shops[0], some(2), 'draft', draft=True).id]
# A till that was offline when its session was closed: Odoo opens a rescue session for what it sends afterwards.
late = shops[-1]
older.close_session(version, late.session)
sell(late, some(2), 'late', age=late_days)
rescues = env['pos.session'].search([('rescue', '=', True), ('state', '!=', 'closed')])
unknown = [sell(shops[0], [line(catalogue['ONLY-001']), *some(1)], 'unknown product').id] if args['unknown_product'] else []
catalogue['ARCH-1'].product_tmpl_id.write({'active': False})
if args['close']:
    for session in {*(shop.session for shop in shops), *rescues}:
        if session.state != 'closed':
            older.close_session(version, session)
env.cr.commit()
done = Order.browse(received)
print(json.dumps({
    'db': env.cr.dbname, 'orders': len(done), 'ids': done.ids, 'total': round(sum(done.mapped('amount_total')), 2), 'tax': round(sum(done.mapped('amount_tax')), 2),
    'refunds': len(done.filtered(lambda order: order.amount_total < 0)), 'kinds': dict(kinds), 'states': dict(collections.Counter(done.mapped('state'))),
    'sessions': [shop.session.name for shop in shops] + rescues.mapped('name'), 'not_received': ignored, 'unknown_product': unknown,
}))
