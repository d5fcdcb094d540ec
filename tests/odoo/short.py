# Runs inside Odoo's shell on a branch: closes the session of Furniture Shop with 5.00 less in the drawer than expected.
import json

env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True, allowed_company_ids=[1]))
session = env['pos.config'].search([('name', '=', 'Furniture Shop')]).current_session_id
session.post_closing_cash_details(session.cash_register_balance_end - 5)
done = session.close_session_from_ui()
if not done.get('successful'):
    raise SystemExit('session %s does not close: %s' % (session.name, done))
env.cr.commit()
print(json.dumps({'session': session.name, 'state': session.state}))
