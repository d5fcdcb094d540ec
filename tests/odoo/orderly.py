# Runs inside Odoo's shell on a branch: brings its stock into the order that an audit finds nothing to say against. Each
# shop sells out of a location of its own, which holds a hundred of everything that is tracked and needs no lot, but of
# PB-030; the products that only branches have are tracked; the demo's sessions are long over.
env = env(user=env.ref('base.user_admin').id, context=dict(env.context, lang='en_US', tracking_disable=True, allowed_company_ids=[1]))
company = env['res.company'].browse(1)
warehouse = env['stock.warehouse'].search([('company_id', '=', company.id)], limit=1)
env['product.template'].search([('default_code', 'like', 'ONLY-')]).write({'is_storable': True})
goods = env['product.product'].search([('is_storable', '=', True), ('tracking', '=', 'none'), ('default_code', '!=', 'PB-030')])
for config in env['pos.config'].search([('name', 'in', ['Furniture Shop', 'Garden Shop'])]):
    place = env['stock.location'].create({
        'name': config.name, 'usage': 'internal', 'location_id': warehouse.lot_stock_id.id, 'company_id': company.id,
    })
    config.picking_type_id = config.picking_type_id.copy({
        'name': config.name, 'default_location_src_id': place.id, 'sequence_code': 'POS%d' % config.id,
    })
    for product in goods:
        env['stock.quant']._update_available_quantity(product, place, 100)
env['pos.session'].search([('name', 'like', '/Demo/')]).write({'stop_at': '2020-01-03 20:00:00'})
env.cr.commit()
