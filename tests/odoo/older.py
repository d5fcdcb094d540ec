"""How Odoo 14, 16 and 18 differ in what master_data_older.py and sell_older.py write: all of it is here."""

# Who may write products and price rules: a group of its own since 18, before that the sales or the inventory manager.
GOODS_GROUP = {14: 'sales_team.group_sale_manager', 16: 'sales_team.group_sale_manager', 18: 'product.group_product_manager'}
JOURNAL = {14: 'cash_journal_id', 16: 'journal_id', 18: 'journal_id'}
EMPLOYEES = {14: 'employee_ids', 16: 'employee_ids', 18: 'basic_employee_ids'}


def flush(env):
    env.flush_all() if hasattr(env, 'flush_all') else env['base'].flush()


def has_combos(version):
    return version >= 18


def has_uuid(version):
    return version >= 18


def has_line_notes(version):
    return version >= 16


def names_the_refunded_line(version):
    return version >= 16


def note(version, text):
    """The note of a whole order, as far as a till can write one."""
    return {'general_note': text} if version >= 18 else {}


def included(version, is_included):
    """Whether a tax is in the price."""
    return {'price_include_override': 'tax_included' if is_included else 'tax_excluded'} if version >= 18 else {'price_include': is_included}


def need_tax_group(env, version, company):
    """A company without a chart of accounts has no group of taxes, which each tax has to be in since 17."""
    if version >= 18 and not env['account.tax.group'].search([('company_id', '=', company.id)], limit=1):
        env['account.tax.group'].create({'name': 'Taxes', 'company_id': company.id, 'country_id': company.account_fiscal_country_id.id})


def liability(version, company):
    """The domain of the accounts that a tax may be booked on."""
    if version == 14:
        return [('company_id', '=', company.id), ('user_type_id.type', '=', 'other'), ('internal_group', '=', 'liability')]
    return [('company_ids' if version >= 18 else 'company_id', '=', company.id), ('account_type', '=', 'liability_current')]


def kind(version, item):
    """The type of a product of goods.py, and whether its stock is tracked."""
    if version >= 18:
        return {'type': 'service' if item.get('service') else 'consu', 'is_storable': item['storable']}
    word = 'service' if item.get('service') else 'product' if item['storable'] else 'consu'
    return {'detailed_type' if version == 16 else 'type': word}


def cash(version, journal):
    """What makes a payment method one of cash."""
    return {JOURNAL[version]: journal.id, **({'is_cash_count': True} if version == 14 else {})}


def is_bank(version, method):
    return not method.is_cash_count if version == 14 else method.type == 'bank'


def api_key(env, version, user, name):
    return env['res.users.apikeys'].with_user(user).sudo()._generate(*([None, name, None] if version >= 18 else [None, name]))


def open_session(env, config):
    """The open session of a shop; a new one if there is none."""
    session = env['pos.session'].search([('config_id', '=', config.id), ('state', '!=', 'closed'), ('rescue', '=', False)], limit=1)
    session = session or env['pos.session'].create({'user_id': env.uid, 'config_id': config.id})
    if session.state == 'opening_control':
        session.set_opening_control(0, '') if hasattr(session, 'set_opening_control') else session.write({'state': 'opened'})
    return session


def close_session(version, session):
    session.order_ids.filtered(lambda order: order.state == 'draft').write({'state': 'cancel'})
    if version == 14:
        session.statement_ids.write({'balance_end_real': 0.0})
        for statement in session.statement_ids:
            statement.balance_end_real = statement.balance_end
    elif not session.rescue:
        session.cash_register_balance_end_real = session.cash_register_balance_end
    session.env.cr.commit()
    told = session.action_pos_session_closing_control()
    if isinstance(told, dict) and told.get('res_model') == 'pos.close.session.wizard':
        # Odoo 16 asks before it books what does not balance.
        session.env[told['res_model']].browse(told['res_id']).with_context(**told['context']).close_session()
    if session.state != 'closed':
        session.action_pos_session_validate()
    assert session.state == 'closed', session.state


def send(orders, version, key, order, lines, payments, draft):
    """Hands an order to the method that the till itself calls, in its words; returns its id."""
    if version < 18:
        data = {**order, 'name': 'Order ' + key, 'uid': key, 'creation_date': order['date_order'].replace(' ', 'T') + '.000Z', 'server_id': False,
                'pos_session_id': order['session_id'], 'statement_ids': payments, 'lines': lines}
        for field in ('date_order', 'session_id'):
            del data[field]
        return orders.create_from_ui([{'id': key, 'data': data, 'to_invoice': data['to_invoice']}], draft=draft)[0]['id']
    data = {**order, 'name': 'Order ' + key, 'state': 'draft' if draft else 'paid', 'lines': lines, 'last_order_preparation_change': '{}',
            'payment_ids': [[0, 0, {'name': False, 'payment_date': payment['name'], 'payment_method_id': payment['payment_method_id'], 'amount': payment['amount'],
                                    'uuid': payment['uuid']}] for _, _, payment in payments]}
    return orders.sync_from_ui([data])['pos.order'][0]['id']
