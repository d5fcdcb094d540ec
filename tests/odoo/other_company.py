# Runs inside Odoo's shell on a branch: opens a shop of the branch's other company and sells there, with its taxes.
import datetime, json, uuid
from odoo import Command, fields

env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True))
company = env['res.company'].browse(2)
env = env(context=dict(env.context, allowed_company_ids=company.ids))
if not company.chart_template:
    env['account.chart.template'].try_loading('generic_coa', company, install_demo=False)
config = env['pos.config'].create({'name': 'Lake Shop', 'company_id': company.id})
config.open_ui()
session = config.current_session_id
session.set_opening_control(0, '')
method = config.payment_method_ids.filtered('is_cash_count')[:1]
ids = []
for code in ('PB-006', 'PB-007', 'PB-012'):
    product = env['product.product'].search([('default_code', '=', code)])
    taxes = product.taxes_id.filtered(lambda tax: tax.company_id == company)
    amounts = taxes.compute_all(product.lst_price, quantity=2.0, product=product)
    total, untaxed = amounts['total_included'], amounts['total_excluded']
    reference, tracking = config._get_next_order_refs()
    now = fields.Datetime.to_string(datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None))
    key = str(uuid.uuid4())
    env['pos.order'].sync_from_ui([{
        'amount_total': total, 'amount_tax': total - untaxed, 'amount_paid': total, 'amount_return': 0.0, 'date_order': now, 'fiscal_position_id': False,
        'pricelist_id': config.pricelist_id.id, 'partner_id': False, 'pos_reference': reference, 'tracking_number': tracking, 'name': '/',
        'session_id': session.id, 'user_id': env.uid, 'to_invoice': False, 'state': 'paid', 'uuid': key, 'last_order_preparation_change': '{}',
        'relations_uuid_mapping': {},
        'payment_ids': [Command.create({'name': False, 'payment_date': now, 'payment_method_id': method.id, 'amount': total, 'uuid': str(uuid.uuid4())})],
        'lines': [Command.create({'product_id': product.id, 'qty': 2.0, 'price_unit': product.lst_price, 'discount': 0.0, 'tax_ids': [Command.set(taxes.ids)],
                                  'price_subtotal': untaxed, 'price_subtotal_incl': total, 'full_product_name': product.name, 'uuid': str(uuid.uuid4())})],
    }])
    ids += env['pos.order'].search([('uuid', '=', key)]).ids
env.cr.commit()
print(json.dumps({'shop': config.name, 'ids': ids, 'taxes': len(env['pos.order'].browse(ids).lines.tax_ids)}))
