"""What the three databases share, known to each only by barcode, Internal Reference or name: plain data."""

NAMES = ['Café crème {}', '漢字 tea cup {}', 'Fish & <chips> {}', 'The "quoted" mug {}', 'Party hat 🎉 {}', "Plain desk {}", 'Crème brûlée {}']

# name: (kind, amount, included in the price)
TAXES = {
    'VAT 20% incl': ('percent', 20.0, True),
    'VAT 15%': ('percent', 15.0, False),
    'VAT 5.5% incl': ('percent', 5.5, True),
    'Eco 2%': ('percent', 2.0, False),
    'Deposit 0.25': ('fixed', 0.25, False),
}
TAX_SETS = [[], ['VAT 20% incl'], ['VAT 15%'], ['VAT 5.5% incl'], ['VAT 15%', 'Eco 2%'], ['VAT 15%', 'Deposit 0.25']]


def ean13(number):
    digits = '590%09d' % number
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
    return digits + str(-total % 10)


def article(i):
    """A third with barcode and code, a third with a code only, a third with a barcode only."""
    return {
        'key': 'PB-%03d' % i,
        'name': NAMES[i % len(NAMES)].format(i),
        'code': 'PB-%03d' % i if i % 3 != 2 else None,
        'barcode': ean13(i) if i % 3 != 1 else None,
        'price': round(0.37 + 7.13 * i % 97 + i * 0.01, 2),
        'taxes': TAX_SETS[(i // 3) % len(TAX_SETS)],
        'storable': i % 2 == 0,
    }


def special(key, name, price, taxes=(), **more):
    return {'key': key, 'name': name, 'code': key, 'barcode': None, 'price': price, 'taxes': list(taxes), 'storable': False, **more}


ARTICLES = [article(i) for i in range(1, 61)]
SPECIALS = [
    special('WEIGH-1', 'Crème potatoes, by weight', 7.9, ['VAT 5.5% incl'], kg=True),
    special('LOT-1', 'Yoghurt, by lot', 3.2, ['VAT 5.5% incl'], tracking='lot', storable=True),
    special('SERIAL-1', 'Camera, by serial number', 249.0, ['VAT 15%'], tracking='serial', storable=True),
    special('COMBO-1', 'Lunch "combo" 🥪', 12.5, ['VAT 15%']),
    special('COMBO-A1', 'Sandwich', 8.0, ['VAT 15%']),
    special('COMBO-A2', 'Salad', 9.0, ['VAT 5.5% incl']),
    special('COMBO-B1', 'Lemonade', 3.0, ['VAT 15%']),
    special('COMBO-B2', 'Water', 1.9, []),
    special('ARCH-1', 'Last of its kind', 17.77, ['VAT 20% incl']),
    special('TIPS', 'Tip', 1.0, service=True),
    special('DISC', 'Discount', 0.0, ['VAT 15%'], service=True),
    special('LOYAL-10', '10% for regulars', 0.0, service=True),
    special('POS-ROUND', 'Rounding of the till', 0.0, service=True),
]
PRODUCTS = ARTICLES + SPECIALS
ONLY_AT_BRANCH = [special('ONLY-%03d' % i, 'Only here %d' % i, 4.0 + i, ['VAT 15%']) for i in (1, 2, 3)]
# Combo choices: name, base price, the products to choose from.
COMBOS = [('Main', 8.0, ['COMBO-A1', 'COMBO-A2']), ('Drink', 3.0, ['COMBO-B1', 'COMBO-B2'])]

# Where a customer is known at central: 'all' fields, one of them, not at all, or twice.
CUSTOMERS = [
    {'key': 'C-001', 'name': 'Zoë Müller & Söhne', 'ref': 'C-001', 'vat': 'BE0477472701', 'country': 'base.be', 'email': 'zoe@example.com', 'central': 'all'},
    {'key': 'C-002', 'name': '東京 Trading', 'ref': 'C-002', 'email': 'tokyo@example.com', 'central': 'ref'},
    {'key': 'C-003', 'name': 'Café de la Gare', 'vat': 'FR23334175221', 'country': 'base.fr', 'email': 'gare@example.com', 'central': 'vat'},
    {'key': 'C-004', 'name': "Seán O'Brien", 'email': 'sean@example.com', 'central': 'email'},
    {'key': 'C-005', 'name': 'Nobody Knows', 'ref': 'C-005', 'email': 'nobody@example.com', 'central': None},
    {'key': 'C-006', 'name': 'New in Town', 'email': 'new@example.com', 'central': None},
    {'key': 'C-007', 'name': 'Twin One', 'email': 'twin.one@example.com', 'central': 'twice'},
    {'key': 'C-008', 'name': 'Twin Two', 'email': 'twin.two@example.com', 'central': 'twice'},
]
WALK_IN = ['Walk-in Branch 1', 'Walk-in Branch 2']
SHOPS = ['Furniture Shop', 'Garden Shop']
CASHIERS = ['Cara Cashier', 'Ömer Ünal']
