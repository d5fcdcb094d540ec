# Runs inside Odoo's shell on a branch: what the till sends when it sells, handed to sync_from_ui, the method the
# till itself calls. Amounts come from Odoo's own tax engine, asked the way the till's JavaScript asks it.
import collections, datetime, json, os, random, uuid
from odoo import Command, fields
import goods

args = json.loads(os.environ['POSBRIDGE_SELL'])
rnd = random.Random(args['seed'])
env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True, generate_pdf=False))
company = env['res.company'].browse(1)
env = env(context=dict(env.context, allowed_company_ids=company.ids))
Tax, Product, Order = env['account.tax'], env['product.product'].with_context(active_test=False), env['pos.order']
late_days = args['days_late'] if args['days_late'] is not None else 3 if args['mix'] == 'shop' else 0
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
reward = env['loyalty.reward'].search([('program_id.name', '=', 'Regulars')], limit=1)
catalogue['ARCH-1'].product_tmpl_id.with_context(active_test=False).write({'active': True})
catalogue['ARCH-1'].write({'active': True})


class Shop:
    def __init__(self, name):
        self.config = env['pos.config'].search([('name', '=', name)], limit=1)
        if not self.config:
            raise SystemExit('no shop named %s' % name)
        if not self.config.current_session_id:
            self.config.open_ui()
        if self.config.current_session_id.state == 'opening_control':
            self.config.current_session_id.set_opening_control(100, '')
        self.session = self.config.current_session_id
        self.currency = self.config.currency_id
        self.cash = self.config.payment_method_ids.filtered('is_cash_count')[:1]
        self.bank = self.config.payment_method_ids.filtered(lambda method: method.type == 'bank')[:1]
        self.queue = []

    def close(self):
        drafts = self.session.get_session_orders().filtered(lambda order: order.state == 'draft')
        if drafts:
            drafts.action_pos_order_cancel()
        self.session.post_closing_cash_details(self.session.cash_register_balance_end)
        done = self.session.close_session_from_ui()
        if not done.get('successful'):
            raise SystemExit('session %s does not close: %s' % (self.session.name, done))


shops = [Shop(name) for name in ([args['shop']] if args['shop'] else goods.SHOPS)]
received, ignored, kinds, unknown = [], [], collections.Counter(), []


def line(product, qty=1.0, discount=0.0, price=None, taxes=None, **more):
    taxes = company_taxes[product] if taxes is None else taxes
    return {'product': product, 'qty': qty, 'discount': discount, 'price_unit': product.lst_price if price is None else price,
            'taxes': taxes, 'uuid': str(uuid.uuid4()), **more}


def new_serial():
    """Never the same twice, also not for the same seed: a serial number is sold once."""
    return 'SN-' + uuid.uuid4().hex[:8]


def base_lines(shop, lines):
    result = []
    for item in lines:
        base = Tax._prepare_base_line_for_taxes_computation(
            None, price_unit=item['price_unit'], quantity=item['qty'], discount=item['discount'], tax_ids=item['taxes'],
            currency_id=shop.currency, product_id=item['product'], is_refund=item['qty'] * item['price_unit'] < 0,
            extra_tax_data=item.get('extra_tax_data'))
        result.append(base)
    Tax._add_tax_details_in_base_lines(result, company)
    Tax._round_base_lines_tax_details(result, company)
    return result


def till_order(shop, lines, state='paid', refund=False, pay=None, age=0, relations=None, tip=0.0, **values):
    """What the till sends for one order. pay: 'cash', 'bank', 'both', 'change'."""
    bases = base_lines(shop, lines)
    summary = Tax._get_tax_totals_summary(base_lines=bases, currency=shop.currency, company=company)
    total, sign, round_ = summary['total_amount_currency'], -1 if refund else 1, shop.currency.round
    pay = pay or ('cash' if rnd.random() < 0.4 or total < 0 else 'bank')
    change = 0.0
    if state != 'paid':
        payments = []
    elif pay == 'both' and total > 1:
        payments = [(shop.bank, round_(total * 0.6)), (shop.cash, round_(total - round_(total * 0.6)))]
    elif pay == 'change':
        tendered = (int(total) // 10 + 1) * 10.0
        payments, change = [(shop.cash, tendered)], round_(total - tendered)
    else:
        payments = [(shop.cash if pay == 'cash' else shop.bank, total)]
    date = now - datetime.timedelta(days=age, seconds=rnd.randint(1, 3600))
    reference, tracking = shop.config._get_next_order_refs()
    order = {
        'amount_total': round_(total), 'amount_tax': summary['tax_amount_currency'], 'amount_paid': round_(sum(amount for _, amount in payments)), 'amount_return': change,
        'date_order': fields.Datetime.to_string(date), 'fiscal_position_id': False, 'pricelist_id': shop.config.pricelist_id.id, 'partner_id': False,
        'pos_reference': reference, 'tracking_number': tracking, 'name': '/', 'session_id': shop.session.id, 'user_id': env.uid, 'employee_id': False,
        'to_invoice': False, 'is_refund': refund, 'state': state, 'uuid': str(uuid.uuid4()), 'last_order_preparation_change': '{}',
        'is_tipped': bool(tip), 'tip_amount': tip, 'relations_uuid_mapping': relations or {}, **values,
        'payment_ids': [Command.create({'name': False, 'payment_date': fields.Datetime.to_string(date), 'payment_method_id': method.id, 'amount': amount,
                                        'uuid': str(uuid.uuid4())}) for method, amount in payments],
        'lines': [Command.create({
            'product_id': item['product'].id, 'qty': item['qty'], 'price_unit': item['price_unit'], 'discount': item['discount'],
            'tax_ids': [Command.set(item['taxes'].ids)],
            # As the till's JavaScript stores them: times the sign of the order, so positive in a refund.
            'price_subtotal': round_(sign * base['tax_details']['total_excluded_currency']),
            'price_subtotal_incl': round_(sign * base['tax_details']['total_included_currency']),
            'full_product_name': item['product'].display_name.removeprefix('[%s] ' % item['product'].default_code), 'pack_lot_ids': [Command.create({'lot_name': name}) for name in item.get('lots', [])],
            'uuid': item['uuid'],
            **{key: item[key] for key in ('customer_note', 'refunded_orderline_id', 'combo_item_id', 'is_reward_line', 'reward_id', 'points_cost',
                                          'reward_identifier_code', 'extra_tax_data') if key in item},
        }) for item, base in zip(lines, bases)],
    }
    return order


def flush(shop):
    if not shop.queue:
        return Order
    batch, shop.queue = shop.queue, []
    Order.sync_from_ui(batch)
    orders = Order.search([('uuid', 'in', [order['uuid'] for order in batch])])
    assert len(orders) == len(batch)
    env.cr.commit()
    return orders


def sell(shop, lines, kind, now_=False, **more):
    order = till_order(shop, lines, **more)
    shop.queue.append(order)
    kinds[kind] += 1
    received.append(order['uuid'])
    if now_ or len(shop.queue) >= 25:
        return flush(shop).filtered(lambda o: o.uuid == order['uuid'])


def some(count, pool=None):
    return [line(product, rnd.choice([1.0, 1.0, 1.0, 2.0, 3.0]), rnd.choice([0.0, 0.0, 0.0, 10.0])) for product in rnd.sample(pool or articles, count)]


def with_taxes(names):
    return [catalogue[item['key']] for item in goods.ARTICLES if item['taxes'] == names]


def take_back(order, lines=None, qty=None):
    """The till's refund of lines of a sold order, a combo's lines bound together as in the sale."""
    back = [line(l.product_id, -(qty or l.qty), l.discount, l.price_unit, l.tax_ids, refunded_orderline_id=l.id, lots=l.pack_lot_ids.mapped('lot_name'))
            for l in (lines or order.lines)]
    of = {item['refunded_orderline_id']: item['uuid'] for item in back}
    bound = {of[l.id]: {'combo_parent_id': of[l.combo_parent_id.id]} for l in order.lines if l.id in of and l.combo_parent_id.id in of}
    return back, {'pos.order.line': bound} if bound else {}


def refund(sold, kind, lines=None, qty=None, **more):
    lines, relations = take_back(sold, lines, qty)
    sell(shop_of(sold), lines, kind, refund=True, pay='cash', relations=relations, **more)


def combo_lines(qty=1.0):
    parent = line(catalogue['COMBO-1'], qty, price=0.0)
    items = [combo.combo_item_ids[rnd.randrange(2)] for combo in catalogue['COMBO-1'].combo_ids.sorted('id')]
    whole, rest, lines = sum(item.combo_id.base_price for item in items), catalogue['COMBO-1'].lst_price, [parent]
    for item in items:
        price = company.currency_id.round(item.combo_id.base_price * catalogue['COMBO-1'].lst_price / whole)
        rest -= price
        if item == items[-1]:
            price += rest
        lines.append(line(item.product_id, qty, price=company.currency_id.round(price + item.extra_price), combo_item_id=item.id))
    return lines, {'pos.order.line': {child['uuid']: {'combo_parent_id': parent['uuid']} for child in lines[1:]}}


def discounted(shop, lines, percent):
    """The till's global discount: negative lines, one for each set of taxes, with amounts forced to the cent."""
    product = catalogue['DISC']
    found = Tax._prepare_global_discount_lines(base_lines(shop, lines), company, 'percent', percent, computation_key='global_discount',
                                               grouping_function=lambda base: {'grouping_key': {'product_id': product}, 'raw_grouping_key': {'product_id': product.id}})
    return lines + [line(product, base['quantity'], price=base['price_unit'], taxes=base['tax_ids'],
                         extra_tax_data={**Tax._export_base_line_extra_tax_data(base), 'discount_percentage': percent}) for base in found]


def rewarded(lines):
    groups = collections.defaultdict(float)
    for item in lines:
        groups[item['taxes'].filtered(lambda tax: tax.amount_type != 'fixed')] += item['qty'] * item['price_unit'] * (1 - item['discount'] / 100)
    code = '%016x' % rnd.getrandbits(64)
    return lines + [line(catalogue['LOYAL-10'], 1.0, price=-amount * 0.1, taxes=taxes, is_reward_line=True, reward_id=reward.id,
                         points_cost=0 if i else 1, reward_identifier_code=code) for i, (taxes, amount) in enumerate(groups.items())]


def back_office_refund(order, kind='refund back office'):
    refund = order._refund()
    wizard = env['pos.make.payment'].with_context(active_id=refund.id, active_ids=refund.ids)
    wizard.create({'payment_method_id': order.session_id.config_id.payment_method_ids.filtered('is_cash_count')[:1].id}).check()
    assert refund.state in ('paid', 'done'), refund.state
    env.cr.commit()
    kinds[kind] += 1
    received.append(refund.uuid)


def shop_mix(orders):
    made = lambda: sum(kinds.values())
    turn = 0

    def room(count=1):
        return made() + count <= orders

    def one(kind, lines, **more):
        nonlocal turn
        shop = shops[turn % 3 % len(shops)]
        turn += 1
        if room():
            return sell(shop, lines, kind, **more)

    def shop_next():
        return shops[turn % 3 % len(shops)]

    customer = lambda key: {'partner_id': customers[key].id}
    while room():
        one('all taxes', [line(rnd.choice(with_taxes(names)), rnd.choice([1.0, 2.0])) for names in goods.TAX_SETS])
        for names in goods.TAX_SETS:
            one('taxes: ' + (' + '.join(names) or 'none'), [line(product, 1.0 + i) for i, product in enumerate(rnd.sample(with_taxes(names), 3))])
        one('discount 10', [line(product, 2.0, 10.0) for product in rnd.sample(articles, 3)])
        one('discount 33.333', [line(product, 1.0, 33.333) for product in rnd.sample(articles, 4)])
        one('weight 0.125', [line(catalogue['WEIGH-1'], 0.125), *some(1)])
        one('quantity -1', [line(catalogue['SERIAL-1'], 1.0, lots=[new_serial()]), line(articles[3], -1.0)])
        one('several payments', some(4), pay='both')
        one('change', some(2), pay='change')
        one('change, customer', some(3), pay='change', **customer('C-001'))
        for key in customers:
            one('customer ' + key, some(2), **customer(key))
        for key in ('C-001', 'C-003', 'C-005'):
            one('invoiced', some(3), to_invoice=True, **customer(key))
        one('invoiced, change', some(2), to_invoice=True, pay='change', **customer('C-002'))
        lines, relations = combo_lines()
        one('combo', lines, relations=relations)
        lines, relations = combo_lines(2.0)
        one('combo', lines + some(2), relations=relations)
        one('tip', some(2) + [line(catalogue['TIPS'], 1.0, price=3.5)], tip=3.5)
        one('global discount', discounted(shop_next(), some(3), 10))
        one('global discount', discounted(shop_next(), [line(rnd.choice(with_taxes(names))) for names in goods.TAX_SETS[:4]], 7))
        one('loyalty', rewarded(some(4)))
        one('lot', [line(catalogue['LOT-1'], 2.0, lots=['LOT-%04d' % rnd.randrange(10000)]), *some(1)])
        one('serial', [line(catalogue['SERIAL-1'], 2.0, lots=[new_serial() for _ in range(2)])])
        one('notes', [{**item, 'customer_note': 'without <sugar> & "milk"\nto go é漢🎉'} for item in some(2)], general_customer_note='Gift ✂ for Zoë & co')
        one('odd names', [line(product) for product in articles[:len(goods.NAMES)]])
        one('archived', [line(catalogue['ARCH-1'], 1.0), *some(1)])
        one('cashier', some(2), employee_id=cashiers[0].id)
        one('cashier', some(2), employee_id=cashiers[-1].id, user_id=anna.id)
        one('other user', some(2), user_id=anna.id)
        one('late', some(2), age=late_days)
        one('many lines', some(20))
        if room(2):
            sold = one('sold, to refund', [line(articles[5], 3.0, 33.333), line(articles[6], 2.0)], now_=True)
            refund(sold, 'refund till, part', sold.lines[0], 1.0)
        if room(2):
            lines, relations = combo_lines()
            sold = one('sold, to refund', lines, now_=True, relations=relations)
            refund(sold, 'refund till, combo')
        if room(2):
            sold = one('sold, to refund', [line(catalogue['SERIAL-1'], 1.0, lots=[new_serial()]), *some(2)], now_=True, **customer('C-002'))
            refund(sold, 'refund till', partner_id=sold.partner_id.id)
        if room(2):
            sold = one('sold, to refund', discounted(shop_next(), some(2), 10), now_=True)
            refund(sold, 'refund till, global discount')
        if room(2):
            sold = one('sold, to refund', some(3), now_=True, pay='change')
            back_office_refund(sold)
        if room(2):
            sold = one('sold, to refund', [line(articles[5], 2.0, 33.333), line(articles[9], 1.0)], now_=True, pay='cash', **customer('C-004'))
            back_office_refund(sold)
        if room(2):
            lines, relations = combo_lines()
            back_office_refund(one('sold, to refund', lines, now_=True, relations=relations), 'refund back office, combo')
        for _ in range(rnd.randint(5, 20)):
            one('plain', some(rnd.randint(1, 6)), age=late_days if rnd.random() < 0.05 else 0, employee_id=rnd.choice([False, False, cashiers[0].id]))
        if made() == orders:
            break
    for shop in shops:
        flush(shop)
        for state in ('draft', 'draft', 'cancel'):
            order = till_order(shop, some(2), state='draft')
            Order.sync_from_ui([order])
            record = Order.search([('uuid', '=', order['uuid'])])
            if state == 'cancel':
                record.action_pos_order_cancel()
            ignored.append(record.id)


def shop_of(order):
    return next(shop for shop in shops if shop.config == order.config_id)


def three_lines(orders):
    # Three quarters of the time goes into stock moves, which no order shows: these orders make none.
    pool = [product for product in articles if not product.is_storable]
    sessions = env['pos.session'].browse([shop.session.id for shop in shops])
    sessions.write({'update_stock_at_closing': True})
    for i in range(orders):
        sell(shops[i % len(shops)], [line(product, rnd.choice([1.0, 2.0])) for product in rnd.sample(pool, 3)], 'plain', age=late_days if i % 20 == 19 else 0)
    for shop in shops:
        flush(shop)
    sessions.write({'update_stock_at_closing': False})


(shop_mix if args['mix'] == 'shop' else three_lines)(args['orders'])
if args['unknown_product']:
    sell(shops[0], [line(catalogue['ONLY-001']), *some(1)], 'unknown product')
    unknown.append(shops[0].queue[-1]['uuid'])
for shop in shops:
    flush(shop)
catalogue['ARCH-1'].product_tmpl_id.write({'active': False})
catalogue['ARCH-1'].write({'active': False})
env.cr.commit()
if args['close']:
    for shop in shops:
        shop.close()
env.cr.commit()

by_uuid = {order.uuid: order for order in Order.search([('uuid', 'in', received)])}
done = Order.browse([by_uuid[key].id for key in received])
print(json.dumps({
    'db': env.cr.dbname, 'orders': len(done), 'ids': done.ids, 'total': round(sum(done.mapped('amount_total')), 2), 'tax': round(sum(done.mapped('amount_tax')), 2),
    'refunds': len(done.filtered(lambda order: order.amount_total < 0)), 'kinds': dict(kinds), 'states': dict(collections.Counter(done.mapped('state'))),
    'sessions': [shop.session.name for shop in shops], 'not_received': ignored, 'unknown_product': [by_uuid[key].id for key in unknown],
}))
