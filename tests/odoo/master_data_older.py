# Runs inside the shell of an Odoo 14, 16 or 18 on a copy of its demo data: makes it e.g. central16 or branch16
# (POSBRIDGE_SIDE) and prints what it made as one JSON document. The same things as master_data.py writes, in the words of
# that version. No side gives a thing the id that another side gives it.
import json, os, uuid
import goods, older

side = os.environ['POSBRIDGE_SIDE']
version = int(side[-2:])
central = side.startswith('central')
turn = {14: (11, 23), 16: (13, 26), 18: (19, 28)}[version][not central]
env = env(context=dict(env.context, tracking_disable=True, no_reset_password=True, lang='en_US'))
main, second = env['res.company'].browse([1, 2])
companies = main + second
env.ref('base.user_admin').write({'company_ids': [(4, company.id) for company in companies]})
facts = {'side': side, 'companies': {company.name: company.id for company in companies}, 'taxes': {}, 'products': {}, 'customers': {}}


def start_at(table, number):
    older.flush(env)
    env.cr.execute('select max(id) from ' + table)
    assert (env.cr.fetchone()[0] or 0) < number, table
    env.cr.execute('select setval(%s, %s, false)', [table + '_id_seq', number])


def turned(items):
    by = turn % len(items)
    return items[by:] + items[:by]


env['product.product'].with_context(active_test=False).search([('default_code', 'in', ['TIPS', 'DISC', 'POS-ROUND'])]).write({'default_code': False})
if not central:
    # As a shop that sells by weight sets it; central keeps the default of two digits.
    env['decimal.precision'].search([('name', '=', 'Product Unit of Measure')]).digits = 3
    env.ref('uom.product_uom_kgm').rounding = 0.001
# A person who works with pricelists, units and variants switches them on in the settings.
env.ref('base.group_user').write({'implied_ids': [(4, env.ref(group).id) for group in ('product.group_product_pricelist', 'uom.group_uom', 'product.group_product_variant')]})

for company in companies:
    older.need_tax_group(env, version, company)
start_at('account_tax', 501)
for company, name in turned([(company, name) for company in companies for name in goods.TAXES]):
    kind, amount, included = goods.TAXES[name]
    tax = env['account.tax'].with_company(company).create({
        'name': name, 'amount_type': kind, 'amount': amount, 'type_tax_use': 'sale', 'company_id': company.id, **older.included(version, included),
    })
    # A session does not close while a tax has no account.
    account = env['account.account'].with_company(company).search(older.liability(version, company), limit=1)
    (tax.invoice_repartition_line_ids + tax.refund_repartition_line_ids).filtered(lambda line: line.repartition_type == 'tax').account_id = account
    facts['taxes']['%s/%s' % (company.name, name)] = tax.id


def taxes(names):
    return [facts['taxes']['%s/%s' % (company.name, name)] for company in companies for name in names]


def make(item):
    product = env['product.product'].create({
        'name': item['name'], 'default_code': item['code'], 'barcode': item['barcode'], 'list_price': item['price'],
        **older.kind(version, item), 'tracking': item.get('tracking', 'none'),
        'uom_id': env.ref('uom.product_uom_kgm' if item.get('kg') else 'uom.product_uom_unit').id,
        'uom_po_id': env.ref('uom.product_uom_kgm' if item.get('kg') else 'uom.product_uom_unit').id, 'to_weight': item.get('kg', False),
        'available_in_pos': item['key'] != 'POS-ROUND', 'taxes_id': [(6, 0, taxes(item['taxes']))],
    })
    facts['products'][item['key']] = product.id
    return product


def product(key):
    return env['product.product'].browse(facts['products'][key])


start_at('product_product', 1001)
start_at('product_template', 3001)
for item in turned(goods.PRODUCTS):
    make(item)
if older.has_combos(version):
    combos = env['product.combo'].create([{
        'name': name, 'combo_item_ids': [(0, 0, {'product_id': product(key).id, 'extra_price': 1.5 if key == 'COMBO-A2' else 0.0}) for key in keys],
    } for name, _, keys in goods.COMBOS])
    product('COMBO-1').product_tmpl_id.write({'type': 'combo', 'combo_ids': [(6, 0, combos.ids)]})
if central:
    for i in range(8):
        make(goods.special('SPARE-%d' % i, 'Spare %d' % i, 1.0))
    product('ARCH-1').product_tmpl_id.write({'active': False})
else:
    for item in turned(goods.ONLY_AT_BRANCH):
        make(item)


def partner(customer, keep):
    values = {'name': customer['name'], 'customer_rank': 1}
    if customer.get('country'):
        values['country_id'] = env.ref(customer['country']).id
    values.update({field: customer[field] for field in keep if customer.get(field)})
    facts['customers'].setdefault(customer['key'], env['res.partner'].create(values).id)


start_at('res_partner', 2001)
fields = ['ref', 'vat', 'email']
for customer in turned(goods.CUSTOMERS):
    if not central:
        partner(customer, fields)
    elif customer['central'] is None:
        env['res.partner'].create({'name': 'In the place of %s' % customer['key']})
    else:
        partner(customer, fields if customer['central'] == 'all' else [customer['central']] if customer['central'] != 'twice' else ['email'])
if central:
    for customer in goods.CUSTOMERS:
        if customer['central'] == 'twice':
            env['res.partner'].create({'name': customer['name'] + ' (again)', 'email': customer['email'], 'customer_rank': 1})
    for name in goods.WALK_IN:
        facts['customers'][name] = env['res.partner'].create({'name': name, 'customer_rank': 1}).id


def user(login, name, password, groups):
    return env['res.users'].create({
        'login': login, 'name': name, 'password': password, 'email': login if '@' in login else login + '@example.com',
        'company_id': main.id, 'company_ids': [(6, 0, companies.ids)], 'groups_id': [(6, 0, [env.ref(group).id for group in ['base.group_user', *groups]])],
    })


start_at('res_users', 51 + turn)
if central:
    user('anna@example.com', 'Anna Sales', 'anna', ['sales_team.group_sale_salesman'])
    # Point of Sale / User only for the payment methods that are sent: receiving does without.
    bridge = user('bridge', 'Bridge', 'bridge-central', ['sales_team.group_sale_salesman_all_leads', 'point_of_sale.group_pos_user'])
    env['stock.warehouse'].create({'name': 'Tirana', 'code': 'TIR', 'company_id': main.id})
    if not env['product.pricelist'].search([('name', '=', 'Public Pricelist')]):
        env['product.pricelist'].create({'name': 'Public Pricelist', 'currency_id': main.currency_id.id})
    if not env['crm.team'].search([('name', '=', 'Point of Sale')]):
        env['crm.team'].create({'name': 'Point of Sale'})
else:
    user('anna', 'Anna Till', 'anna', ['point_of_sale.group_pos_user'])
    bridge = user('bridge', 'Bridge', 'bridge-branch', ['point_of_sale.group_pos_user'])
    user('sender', 'Sender', 'sender-branch', ['point_of_sale.group_pos_manager', older.GOODS_GROUP[version], 'base.group_partner_manager', 'account.group_account_manager'])
    employees = env['hr.employee'].create([{'name': name, 'company_id': main.id} for name in goods.CASHIERS])
    furniture = env.ref('point_of_sale.pos_config_main', raise_if_not_found=False) or env['pos.config'].search([('name', '=', 'Furniture Shop')], limit=1)
    furniture.name = 'Furniture Shop'
    cash_journal = furniture.payment_method_ids.filtered('is_cash_count')[:1][older.JOURNAL[version]].copy({'name': 'Cash Garden', 'code': 'CSHG'})
    cash = env['pos.payment.method'].create({'name': 'Cash Garden', 'company_id': main.id, **older.cash(version, cash_journal)})
    bank = furniture.payment_method_ids.filtered(lambda method: older.is_bank(version, method))[:1]
    garden = env['pos.config'].create({'name': 'Garden Shop', 'company_id': main.id, 'payment_method_ids': [(6, 0, (cash + bank).ids)]})
    (furniture + garden).write({
        'module_pos_hr': True, older.EMPLOYEES[version]: [(6, 0, employees.ids)],
        'iface_tipproduct': True, 'tip_product_id': facts['products']['TIPS'],
        'module_pos_discount': True, 'discount_product_id': facts['products']['DISC'], 'discount_pc': 10,
    })
    for config in env['pos.config'].search([]):
        config.uuid = str(uuid.uuid4())
    # The demo orders were sold long ago: a date to receive from leaves them out.
    older.flush(env)
    env.cr.execute("update pos_order set date_order = '2020-01-02 10:00:00'")
    facts['shops'] = {shop.name: shop.id for shop in furniture + garden}
facts['api_key'] = older.api_key(env, version, bridge, 'posbridge')
env['ir.config_parameter'].set_param('database.uuid', str(uuid.uuid4()))
env.cr.commit()
print(json.dumps(facts))
