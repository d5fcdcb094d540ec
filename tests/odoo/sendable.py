"""What central knows and the branches lack, for sending: plain data, and the two functions that write it.

master_data.py calls `at_central` or `at_branch` once all that both sides know is there.
"""
import base64, struct, zlib

from odoo import Command

import goods

# What the user who sends needs at a branch beside Role / User: see README.md, "Rights to send".
SENDER_GROUPS = ['product.group_product_manager', 'point_of_sale.group_pos_manager', 'base.group_partner_manager', 'account.group_account_manager']
TAX = 'VAT 9% incl'
TAG = 'Shop'
PRODUCT_CATEGORIES = {'Send goods': None, 'Send food': 'Send goods', 'Send things': 'Send goods'}
POS_CATEGORIES = {'Send drinks': None, 'Send hot drinks': 'Send drinks', 'Send shelf': None}
UNIT = 'Crate of 12'
# Where each side begins to count, so that what is sent later gets another id than its original.
STARTS = {
    'uom_uom': 701, 'product_category': 701, 'pos_category': 701, 'product_attribute': 701, 'product_attribute_value': 701,
    'product_template_attribute_line': 701, 'product_template_attribute_value': 701, 'product_pricelist': 701, 'product_pricelist_item': 701,
    'pos_payment_method': 701, 'product_tag': 701, 'res_partner_category': 701, 'account_tax': 701,
}
COLORS = {'Red': '#D62828', 'Blue': '#1D4E89'}
SIZES = ['S', 'M', 'L']
SHIRT_ARCHIVED = ('Blue', 'L')
# Products with a picture, and its width and height.
IMAGES = {'SND-001': (64, 64), 'SND-002': (128, 96), 'SND-003': (1920, 40), 'SND-MUG': (200, 200), 'SND-SHIRT': (90, 120)}
SHIRT_IMAGE = ('Red', 'S')
TAKEN = '7300000000990'
COMPANY = {
    'name': 'Send Ltd', 'is_company': True, 'ref': 'S-001', 'country': 'base.be', 'vat': 'BE0428759497', 'email': 'office@send.example.com',
    'phone': '+32 2 555 12 12', 'street': 'Rue du Marché 1', 'street2': 'Floor 2', 'zip': '1000', 'city': 'Bruxelles',
}
CONTACTS = [
    {'name': 'Send Ltd, accounts', 'type': 'invoice', 'email': 'accounts@send.example.com', 'street': 'Quai 9', 'zip': '4000', 'city': 'Liège', 'country': 'base.be'},
    {'name': 'Séverine Sender', 'type': 'contact', 'email': 'severine@send.example.com', 'phone': '+32 2 555 12 13'},
]
PERSON = {'name': 'Perla Private', 'email': 'perla@example.com'}
KNOWN_BY_VAT = {'name': 'Known by VAT', 'is_company': True, 'vat': 'FR40303265045', 'country': 'base.fr', 'email': 'vat@send.example.com', 'city': 'Lyon'}
TWO_AT_BRANCH = {'name': 'Two at the branch', 'email': 'two@send.example.com', 'phone': '+355 4 222 333'}


def ean13(number):
    digits = '730%09d' % number
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits))
    return digits + str(-total % 10)


def png(width, height, seed):
    """A picture of bands of colour, in base64; the same for the same numbers."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    band = bytes((seed * 37 + x // 8 * (1 + c)) % 256 for x in range(width) for c in range(3))
    rows = b''.join(b'\0' + band[y % width * 3:] + band[:y % width * 3] for y in range(height))
    head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return base64.b64encode(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')).decode()


def image(key):
    return png(*IMAGES[key], seed=list(IMAGES).index(key))


def plain(i):
    """SND-001 to SND-020: 5 and 10 without barcode, 7 and 14 without reference, 15 with neither, 20 archived."""
    return {
        'key': 'SND-%03d' % i,
        'name': ['Send {} tea', 'Send {} café "crème"', 'Send {} <biscuits> & 漢字', 'Send {} lamp 🎉', "Send {} baker's tray"][i % 5].format('%03d' % i),
        'code': None if i in (7, 14, 15) else 'SND-%03d' % i,
        'barcode': None if i in (5, 10, 15) else ean13(i),
        'price': round(1.1 + 3.37 * i, 2), 'cost': round(0.4 + 1.21 * i, 2), 'weight': round(0.05 * i, 2),
        'taxes': [[TAX], ['VAT 20% incl'], ['VAT 15%', 'Eco 2%'], []][i % 4],
        'category': ['Send food', 'Send things', 'Send goods'][i % 3], 'pos': [['Send hot drinks'], ['Send drinks', 'Send shelf'], []][i % 3],
        'unit': UNIT if i in (4, 8) else None, 'kg': i == 6, 'storable': i % 2 == 0, 'tracking': 'lot' if i == 12 else 'none', 'service': i == 9,
        'sale': 'Sold by send, %d' % i if i % 2 else None, 'public': '<p>About <b>send %d</b></p>' % i if i % 3 == 0 else None, 'archived': i == 20,
    }


def special(key, name, price, **more):
    return {'key': key, 'name': name, 'code': key, 'barcode': None, 'price': price, 'cost': 0.0, 'weight': 0.0, 'taxes': [TAX], 'category': 'Send things',
            'pos': ['Send shelf'], 'unit': None, 'kg': False, 'storable': False, 'tracking': 'none', 'service': False, 'sale': None, 'public': None, 'archived': False, **more}


PLAIN = [plain(i) for i in range(1, 21)]
MUG = special('SND-MUG', 'Send mug, blue', 8.9, barcode=ean13(991), cost=3.3, weight=0.35)
OTHERS = [
    special('SND-TAKEN', 'Send taken', 4.4, barcode=TAKEN),
    MUG,
    special('SND-PART-A', 'Send soup', 4.0), special('SND-PART-B', 'Send bread', 2.0),
    special('SND-COMBO', 'Send combo', 5.5),
]
# At the branches: the mug under the same reference only, and the barcode of SND-TAKEN on another product.
AT_BRANCH = [
    special('SND-MUG', 'Mug as the branch knows it', 7.5, taxes=['VAT 15%']),
    special('BRANCH-TAKEN', 'Has that barcode', 1.5, barcode=TAKEN, taxes=['VAT 15%']),
    special('BRANCH-FILL-1', 'Filler 1', 1.0, taxes=[]), special('BRANCH-FILL-2', 'Filler 2', 1.0, taxes=[]),
]


class Writer:
    """Writes on one side. `taxes` gives the ids of taxes by their names, `start_at` sets where a table counts on."""

    def __init__(self, env, side, facts, taxes, start_at, turned):
        self.env, self.facts, self.taxes, self.turned = env, facts, taxes, turned
        self.units, self.categories, self.pos, self.templates = {}, {}, {}, {}
        # As Settings > Pricelists does: while it is off, Odoo shows no customer's pricelist.
        env.ref('base.group_user')._apply_group(env.ref('product.group_product_pricelist'))
        ahead = {'central': 0, 'branch1': 40, 'branch2': 90}[side]
        facts['starts'] = {table: number + ahead for table, number in STARTS.items()}
        for table, number in facts['starts'].items():
            start_at(table, number)

    def product(self, item):
        unit = self.units.get(item['unit']) or self.env.ref('uom.product_uom_kgm' if item['kg'] else 'uom.product_uom_unit').id
        template = self.env['product.template'].create({
            'name': item['name'], 'default_code': item['code'], 'barcode': item['barcode'], 'list_price': item['price'], 'standard_price': item['cost'],
            'weight': item['weight'], 'type': 'service' if item['service'] else 'consu', 'is_storable': item['storable'], 'tracking': item['tracking'],
            'uom_id': unit, 'to_weight': item['kg'], 'available_in_pos': True, 'taxes_id': [Command.set(self.taxes(item['taxes']))],
            'description_sale': item['sale'], 'public_description': item['public'], 'image_1920': image(item['key']) if item['key'] in IMAGES else False,
            **({'categ_id': self.categories[item['category']]} if self.categories else {}),
            **({'pos_categ_ids': [Command.set([self.pos[name] for name in item['pos']])]} if self.pos else {}),
        })
        if not item['key'].startswith('BRANCH-'):
            self.facts['products'][item['key']] = template.product_variant_id.id
        self.templates[item['key']] = template
        return template

    def partner(self, values, **more):
        values = dict(values)
        country = values.pop('country', None)
        record = self.env['res.partner'].create({**values, 'country_id': self.env.ref(country).id if country else False, 'customer_rank': 1, **more})
        return record

    def tree(self, model, names, **more):
        made = {}
        for i, (name, parent) in enumerate(names.items()):
            made[name] = self.env[model].create({'name': name, 'parent_id': made.get(parent), **({'sequence': 30 + i} if model == 'pos.category' else {}), **more}).id
        return made

    def bank_journal(self):
        company = self.env['res.company'].browse(1)
        return self.env['account.journal'].create({'name': 'Send Bank', 'code': 'SNDB', 'type': 'bank', 'company_id': company.id})


def at_branch(env, side, facts, taxes, start_at, turned):
    writer = Writer(env, side, facts, taxes, start_at, turned)
    for item in turned(AT_BRANCH):
        writer.product(item)
    facts['customers']['S-002'] = writer.partner({**KNOWN_BY_VAT, 'name': 'Known by VAT, as the branch writes it', 'city': False}).id
    for i in (1, 2):
        writer.partner(TWO_AT_BRANCH, name='Two at the branch (%d)' % i)
    writer.bank_journal()
    if side == 'branch2':
        env['res.lang']._activate_lang('fr_FR')


def at_central(env, facts, taxes, start_at, turned):
    """All products carry the product tag, all customers the contact tag of the same name."""
    env['res.lang']._activate_lang('fr_FR')
    writer = Writer(env, 'central', facts, taxes, start_at, turned)
    for company in env['res.company'].browse([1, 2]):
        facts['taxes']['%s/%s' % (company.name, TAX)] = env['account.tax'].with_company(company).create({
            'name': TAX, 'amount_type': 'percent', 'amount': 9.0, 'type_tax_use': 'sale', 'company_id': company.id, 'price_include_override': 'tax_included',
            'invoice_label': 'VAT 9',
        }).id
    writer.units[UNIT] = env['uom.uom'].create({'name': UNIT, 'relative_factor': 12, 'relative_uom_id': env.ref('uom.product_uom_unit').id}).id
    writer.categories = writer.tree('product.category', PRODUCT_CATEGORIES)
    writer.pos = writer.tree('pos.category', POS_CATEGORIES)
    for item in PLAIN + OTHERS:
        writer.product(item)
    shirt = make_shirt(writer)
    combo = env['product.combo'].create({'name': 'Send main', 'combo_item_ids': [
        Command.create({'product_id': writer.templates[key].product_variant_id.id, 'extra_price': extra}) for key, extra in (('SND-PART-A', 0.5), ('SND-PART-B', 0.0))]})
    writer.templates['SND-COMBO'].write({'type': 'combo', 'combo_ids': [Command.set(combo.ids)]})
    tag = env['product.tag'].create({'name': TAG})
    templates = env['product.template'].union(*writer.templates.values())
    templates.write({'product_tag_ids': [Command.link(tag.id)]})
    for item in PLAIN:
        if item['archived']:
            writer.templates[item['key']].action_archive()
    writer.templates['SND-001'].with_context(lang='fr_FR').write({'name': 'Thé à envoyer 001', 'description_sale': 'Vendu par envoi, 1'})
    prices = make_pricelist(writer, shirt)
    make_customers(writer, prices)
    journal = writer.bank_journal()
    for i, (name, split) in enumerate([('Send Card', False), ('Send Voucher', True)]):
        env['pos.payment.method'].create({'name': name, 'journal_id': journal.id, 'company_id': journal.company_id.id, 'split_transactions': split, 'sequence': 20 + i})


def make_shirt(writer):
    """Two colours in three sizes: six variants with barcodes and references, the blue L archived, L 2.50 dearer."""
    env = writer.env
    color = env['product.attribute'].create({'name': 'Send Color', 'create_variant': 'always', 'display_type': 'color', 'sequence': 40,
                                             'value_ids': [Command.create({'name': name, 'html_color': code, 'sequence': i}) for i, (name, code) in enumerate(COLORS.items())]})
    size = env['product.attribute'].create({'name': 'Send Size', 'create_variant': 'always', 'display_type': 'pills', 'sequence': 41,
                                            'value_ids': [Command.create({'name': name, 'sequence': i}) for i, name in enumerate(SIZES)]})
    item = special('SND-SHIRT', 'Send shirt', 15.0, category='Send goods')
    shirt = env['product.template'].create({
        'name': item['name'], 'list_price': item['price'], 'type': 'consu', 'is_storable': True, 'available_in_pos': True,
        'categ_id': writer.categories[item['category']], 'pos_categ_ids': [Command.set([writer.pos[name] for name in item['pos']])],
        'taxes_id': [Command.set(writer.taxes(item['taxes']))], 'image_1920': image('SND-SHIRT'),
        'attribute_line_ids': [Command.create({'attribute_id': a.id, 'value_ids': [Command.set(a.value_ids.ids)]}) for a in (color, size)],
    })
    for i, variant in enumerate(shirt.product_variant_ids):
        names = tuple(variant.product_template_attribute_value_ids.sorted('attribute_id').mapped('name'))
        code = 'SND-SHIRT-%s-%s' % tuple(name.upper() for name in names)
        variant.write({'default_code': code, 'barcode': ean13(900 + i), 'standard_price': 6.0 + 0.25 * i, 'weight': 0.2 + 0.01 * i})
        if names == SHIRT_IMAGE:
            variant.image_variant_1920 = png(50, 70, 77)
        if names == SHIRT_ARCHIVED:
            variant.active = False
        writer.facts['products'][code] = variant.id
    shirt.attribute_line_ids.product_template_value_ids.filtered(lambda value: value.name == 'L').price_extra = 2.5
    writer.templates['SND-SHIRT'] = shirt
    return shirt


def make_pricelist(writer, shirt):
    env = writer.env
    company = env['res.company'].browse(1)
    template = lambda key: writer.templates[key].id
    rules = [
        {'applied_on': '3_global', 'compute_price': 'percentage', 'percent_price': 5.0},
        {'applied_on': '2_product_category', 'categ_id': writer.categories['Send food'], 'compute_price': 'percentage', 'percent_price': 12.5},
        {'applied_on': '1_product', 'product_tmpl_id': template('SND-001'), 'compute_price': 'fixed', 'fixed_price': 3.99},
        {'applied_on': '0_product_variant', 'product_tmpl_id': shirt.id, 'product_id': shirt.product_variant_ids[1].id, 'compute_price': 'fixed', 'fixed_price': 13.5},
        {'applied_on': '1_product', 'product_tmpl_id': template('SND-002'), 'compute_price': 'percentage', 'percent_price': 30.0,
         'date_start': '2026-01-01 00:00:00', 'date_end': '2036-06-30 21:59:59'},
        {'applied_on': '1_product', 'product_tmpl_id': template('SND-003'), 'compute_price': 'fixed', 'fixed_price': 9.99, 'min_quantity': 10},
        {'applied_on': '2_product_category', 'categ_id': writer.categories['Send things'], 'compute_price': 'formula', 'base': 'list_price',
         'price_discount': 10.0, 'price_surcharge': 0.25, 'price_round': 0.05, 'price_min_margin': 0.5, 'price_max_margin': 50.0},
    ]
    return env['product.pricelist'].create({'name': 'Shop prices', 'currency_id': company.currency_id.id, 'sequence': 25,
                                            'item_ids': [Command.create(rule) for rule in rules]})


def make_customers(writer, prices):
    tag = writer.env['res.partner.category'].create({'name': TAG})
    tagged = {'category_id': [Command.set(tag.ids)]}
    company = writer.partner(COMPANY, property_product_pricelist=prices.id, **tagged)
    for contact in CONTACTS:
        writer.partner(contact, parent_id=company.id, **tagged)
    writer.partner(PERSON, **tagged)
    writer.facts['customers']['S-002'] = writer.partner(KNOWN_BY_VAT, **tagged).id
    writer.partner(TWO_AT_BRANCH, **tagged)
