# Runs inside Odoo's shell on a database with its modules and demo data: makes it central, branch1 or branch2
# (POSBRIDGE_SIDE) and prints what it made as one JSON document.
#
# No side shares a record's id with another side for the same thing, yet each id exists on all sides: every
# side starts at the same number and creates the same list, turned by its own amount. A bridge that takes one
# side's id for the other's meets an existing record, the wrong one.
import json, os, uuid
from odoo import Command
import goods, sendable

side = os.environ['POSBRIDGE_SIDE']
turn = {'central': 0, 'branch1': 17, 'branch2': 31}[side]
central = side == 'central'
env = env(context=dict(env.context, tracking_disable=True, no_reset_password=True, lang='en_US'))
main, second = env['res.company'].browse([1, 2])
companies = main + second
env.ref('base.user_admin').write({'company_ids': [Command.link(company.id) for company in companies]})
facts = {'side': side, 'companies': {company.name: company.id for company in companies}, 'taxes': {}, 'products': {}, 'customers': {}}


def start_at(table, number):
    env.flush_all()
    env.cr.execute('select max(id) from ' + table)
    assert (env.cr.fetchone()[0] or 0) < number, table
    env.cr.execute('select setval(%s, %s, false)', [table + '_id_seq', number])


def turned(items):
    by = turn % len(items)
    return items[by:] + items[:by]


# Odoo ships a tip and a discount product with these same references.
env['product.product'].with_context(active_test=False).search([('default_code', 'in', ['TIPS', 'DISC', 'POS-ROUND'])]).write({'default_code': False})

if not central:
    # As a shop that sells by weight sets it; central keeps the default of two digits, so 0.125 becomes 0.13 there.
    env['decimal.precision'].search([('name', '=', 'Product Unit')]).digits = 3

# Taxes: each in both companies.
start_at('account_tax', 501)
for company, name in turned([(company, name) for company in companies for name in goods.TAXES]):
    kind, amount, included = goods.TAXES[name]
    tax = env['account.tax'].with_company(company).create({
        'name': name, 'amount_type': kind, 'amount': amount, 'type_tax_use': 'sale', 'company_id': company.id,
        'price_include_override': 'tax_included' if included else 'tax_excluded',
    })
    facts['taxes']['%s/%s' % (company.name, name)] = tax.id


def taxes(names, company=companies):
    return [facts['taxes']['%s/%s' % (c.name, name)] for c in company for name in names]


# Products: each with the taxes of both companies.
def make(item):
    product = env['product.product'].create({
        'name': item['name'], 'default_code': item['code'], 'barcode': item['barcode'], 'list_price': item['price'],
        'type': 'service' if item.get('service') else 'consu', 'is_storable': item['storable'], 'tracking': item.get('tracking', 'none'),
        'uom_id': env.ref('uom.product_uom_kgm' if item.get('kg') else 'uom.product_uom_unit').id, 'to_weight': item.get('kg', False),
        'available_in_pos': item['key'] != 'POS-ROUND', 'taxes_id': [Command.set(taxes(item['taxes']))],
    })
    facts['products'][item['key']] = product.id
    return product


start_at('product_product', 1001)
start_at('product_template', 3001)
for item in turned(goods.PRODUCTS):
    make(item)


def product(key):
    return env['product.product'].browse(facts['products'][key])


combos = env['product.combo'].create([{
    'name': name, 'combo_item_ids': [Command.create({'product_id': product(key).id, 'extra_price': 1.5 if key == 'COMBO-A2' else 0.0}) for key in keys],
} for name, _, keys in goods.COMBOS])
product('COMBO-1').product_tmpl_id.write({'type': 'combo', 'combo_ids': [Command.set(combos.ids)]})
if central:
    # Ids that the branches give to what central does not know.
    for i in range(8):
        make(goods.special('SPARE-%d' % i, 'Spare %d' % i, 1.0))
    product('ARCH-1').product_tmpl_id.action_archive()
else:
    for item in turned(goods.ONLY_AT_BRANCH):
        make(item)


# Customers.
def partner(customer, keep):
    values = {'name': customer['name'], 'customer_rank': 1}
    if customer.get('country'):
        values['country_id'] = env.ref(customer['country']).id
    values.update({field: customer[field] for field in keep if customer.get(field)})
    record = env['res.partner'].create(values)
    facts['customers'].setdefault(customer['key'], record.id)


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
else:
    for i in range(3 * turn):
        env['res.partner'].create({'name': 'Spare %d' % i})


# Users.
def user(login, name, password, groups):
    return env['res.users'].create({
        'login': login, 'name': name, 'password': password, 'email': login if '@' in login else login + '@example.com',
        'company_id': main.id, 'company_ids': [Command.set(companies.ids)], 'group_ids': [Command.set([env.ref(group).id for group in groups])],
    })


start_at('res_users', 51 + turn)
if central:
    anna = user('anna@example.com', 'Anna Sales', 'anna', ['base.group_user', 'sales_team.group_sale_salesman'])
    # Point of Sale / User only for the payment methods that are sent: receiving does without.
    bridge = user('bridge', 'Bridge', 'bridge-central', ['base.group_user', 'sales_team.group_sale_salesman_all_leads', 'point_of_sale.group_pos_user'])
else:
    anna = user('anna', 'Anna Till', 'anna', ['base.group_user', 'point_of_sale.group_pos_user'])
    bridge = user('bridge', 'Bridge', 'bridge-branch', ['base.group_user', 'point_of_sale.group_pos_user'])
    sender = user('sender', 'Sender', 'sender-branch', ['base.group_user', *sendable.SENDER_GROUPS])
    facts['sender_api_key'] = env['res.users.apikeys'].with_user(sender).sudo()._generate('rpc', 'posbridge send', None)
facts['users'] = {'anna': anna.id, 'bridge': bridge.id}
facts['api_key'] = env['res.users.apikeys'].with_user(bridge).sudo()._generate('rpc', 'posbridge', None)

if central:
    env['stock.warehouse'].create({'name': 'Tirana', 'code': 'TIR', 'company_id': main.id})
    pricelist = env['product.pricelist'].search([('name', '=', 'Public Pricelist')], limit=1) or env['product.pricelist'].create({'name': 'Public Pricelist', 'currency_id': main.currency_id.id})
    team = env['crm.team'].search([('name', '=', 'Point of Sale')], limit=1) or env['crm.team'].create({'name': 'Point of Sale'})
    facts.update(pricelist=pricelist.id, team=team.id)
else:
    employees = env['hr.employee'].create([{'name': name, 'company_id': main.id} for name in goods.CASHIERS])
    program = env['loyalty.program'].create({
        'name': 'Regulars', 'program_type': 'promotion', 'trigger': 'auto', 'applies_on': 'current', 'pos_ok': True,
        'rule_ids': [Command.create({'reward_point_mode': 'order', 'reward_point_amount': 1, 'minimum_amount': 50})],
        'reward_ids': [Command.create({'reward_type': 'discount', 'discount': 10, 'discount_mode': 'percent', 'discount_applicability': 'order',
                                       'description': '10% for regulars', 'discount_line_product_id': product('LOYAL-10').id})],
    })
    product('LOYAL-10').write({'default_code': 'LOYAL-10', 'available_in_pos': True, 'taxes_id': [Command.clear()]})
    furniture = env.ref('point_of_sale.pos_config_main', raise_if_not_found=False) or env['pos.config'].search([('name', '=', 'Furniture Shop')])
    assert furniture.name == 'Furniture Shop', furniture.name
    cash_journal = furniture.payment_method_ids.filtered('is_cash_count').journal_id[:1].copy({'name': 'Cash Garden', 'code': 'CSHG'})
    cash = env['pos.payment.method'].create({'name': 'Cash Garden', 'journal_id': cash_journal.id, 'company_id': main.id})
    bank = furniture.payment_method_ids.filtered(lambda method: method.type == 'bank')[:1]
    garden = env['pos.config'].create({'name': 'Garden Shop', 'company_id': main.id, 'payment_method_ids': [Command.set((cash + bank).ids)]})
    (furniture + garden).write({
        'module_pos_hr': True, 'basic_employee_ids': [Command.set(employees.ids)],
        'iface_tipproduct': True, 'tip_product_id': product('TIPS').id,
        'module_pos_discount': True, 'discount_product_id': product('DISC').id, 'discount_pc': 10,
    })
    for config in env['pos.config'].search([]):
        config.uuid = str(uuid.uuid4())
    # The demo orders were sold long ago: a date to receive from leaves them out.
    env.flush_all()
    env.cr.execute("update pos_order set date_order = '2020-01-02 10:00:00'")
    facts['shops'] = {shop.name: shop.id for shop in furniture + garden}

# What central knows and the branches lack, to be sent.
if central:
    sendable.at_central(env, facts, taxes, start_at, turned)
else:
    sendable.at_branch(env, side, facts, taxes, start_at, turned)

env['ir.config_parameter'].set_param('database.uuid', str(uuid.uuid4()))
facts['database_uuid'] = env['ir.config_parameter'].get_param('database.uuid')
env.cr.commit()
print(json.dumps(facts))
