# Runs inside Odoo's shell on a branch: one step of a shop's day, by the methods that the till calls.
import json, os, uuid
from odoo import Command, fields

args = json.loads(os.environ['POSBRIDGE_SESSION'])
env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True))
company = env['res.company'].browse(1)
env = env(context=dict(env.context, allowed_company_ids=company.ids))
Tax, Order = env['account.tax'], env['pos.order']
config = env['pos.config'].search([('name', '=', args['shop'])], limit=1)
if not config:
    raise SystemExit('no shop named %s' % args['shop'])
told = {'shop': config.name}


def opened():
    if not config.current_session_id:
        config.open_ui()
    session = config.current_session_id
    if session.state == 'opening_control':
        session.set_opening_control(100, '')
    return session


def close():
    session = config.current_session_id
    if not session:
        raise SystemExit('%s has no open session' % config.name)
    drafts = session.get_session_orders().filtered(lambda order: order.state == 'draft')
    if drafts:
        drafts.action_pos_order_cancel()
    session.post_closing_cash_details(session.cash_register_balance_end)
    done = session.close_session_from_ui()
    if not done.get('successful'):
        raise SystemExit('session %s does not close: %s' % (session.name, done))
    return session


def named(key):
    product = env['product.product'].search(['|', ('default_code', '=', key), ('barcode', '=', key)])
    if len(product) != 1:
        raise SystemExit('%d products of %s' % (len(product), key))
    return product


def one_named(model, name, among=None):
    found = env[model].search([('name', '=', name)]) if among is None else among.filtered(lambda record: record.name == name)
    if len(found) != 1:
        raise SystemExit('%d of %s named %s' % (len(found), model, name))
    return found


def one_order(session, paid, receipt):
    currency = config.currency_id
    partner = one_named('res.partner', args['customer']) if args['customer'] else env['res.partner']
    lines = []
    for key in args['products'] or ['PB-006']:
        product = named(key)
        price = config.pricelist_id._get_product_price(product, args['quantity']) if config.pricelist_id else product.lst_price
        taxes = product.taxes_id.filtered(lambda tax: tax.company_id == company)
        lines.append({'product': product, 'price_unit': price, 'taxes': taxes, 'base': Tax._prepare_base_line_for_taxes_computation(
            None, price_unit=price, quantity=args['quantity'], discount=0.0, tax_ids=taxes, currency_id=currency, product_id=product)})
    bases = [line['base'] for line in lines]
    Tax._add_tax_details_in_base_lines(bases, company)
    Tax._round_base_lines_tax_details(bases, company)
    summary = Tax._get_tax_totals_summary(base_lines=bases, currency=currency, company=company)
    total, now, key = currency.round(summary['total_amount_currency']), fields.Datetime.to_string(fields.Datetime.now()), str(uuid.uuid4())
    methods = config.payment_method_ids
    method = one_named('pos.payment.method', args['method'], methods) if args['method'] else methods.filtered('is_cash_count')[:1]
    reference, tracking = (receipt, '001') if receipt else config._get_next_order_refs()
    Order.sync_from_ui([{
        'amount_total': total, 'amount_tax': summary['tax_amount_currency'], 'amount_paid': total if paid else 0.0, 'amount_return': 0.0, 'date_order': now,
        'fiscal_position_id': False, 'pricelist_id': config.pricelist_id.id, 'partner_id': partner.id, 'pos_reference': reference, 'tracking_number': tracking,
        'name': '/', 'session_id': session.id, 'user_id': env.uid, 'to_invoice': False, 'state': 'paid' if paid else 'draft', 'uuid': key,
        'last_order_preparation_change': '{}', 'relations_uuid_mapping': {},
        'payment_ids': [Command.create({'name': False, 'payment_date': now, 'payment_method_id': method.id, 'amount': total, 'uuid': str(uuid.uuid4())})] if paid else [],
        'lines': [Command.create({
            'product_id': line['product'].id, 'qty': args['quantity'], 'price_unit': line['price_unit'], 'discount': 0.0, 'tax_ids': [Command.set(line['taxes'].ids)],
            'price_subtotal': currency.round(line['base']['tax_details']['total_excluded_currency']),
            'price_subtotal_incl': currency.round(line['base']['tax_details']['total_included_currency']),
            'full_product_name': line['product'].display_name, 'uuid': str(uuid.uuid4()),
        }) for line in lines],
    }])
    made = Order.search([('uuid', '=', key)])
    assert made.state == ('paid' if paid else 'draft'), made.state
    told.update(order=made.id, total=made.amount_total, method=method.name if paid else None, prices={line['product'].default_code or line['product'].barcode: line['price_unit'] for line in lines})
    return made.id


def orders(paid):
    session = opened()
    told['orders'] = [one_order(session, paid, receipt) for receipt in args['receipt'] or [None]]
    return session


session = {'open': opened, 'close': close, 'order': lambda: orders(True), 'draft': lambda: orders(False)}[args['action']]()
env.cr.commit()
print(json.dumps({**told, 'session': session.name, 'session_id': session.id, 'state': session.state}))
