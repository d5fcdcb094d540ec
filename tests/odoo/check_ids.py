"""Asserts that no side has another side's id for the same thing, and that each such id means another thing there."""
import json, sys

sides = {facts['side']: facts for facts in map(json.load, map(open, sys.argv[1:]))}
central = sides['central']
for kind in ('products', 'taxes', 'customers'):
    for one in sides.values():
        for other in sides.values():
            shared = [key for key in one[kind] if key in other[kind]]
            assert one is other or len(shared) >= 4, (kind, one['side'], other['side'])
            for key in shared:
                assert one is other or one[kind][key] != other[kind][key], f'{key} has id {one[kind][key]} in {one["side"]} and {other["side"]}'
    ids = set(central[kind].values())
    for side, facts in sides.items():
        if kind != 'customers':  # some branch customers are unknown at central: other partners stand in their place
            assert set(facts[kind].values()) <= ids, (kind, side, set(facts[kind].values()) - ids)
for name in ('database_uuid', 'api_key'):
    assert len({facts[name] for facts in sides.values()}) == len(sides), name
assert len({facts['users']['bridge'] for facts in sides.values()}) == len(sides), 'users'
for table in central['starts']:
    # What is sent gets a number of the branch's own: none of the numbers that central gave to the same things.
    assert len({facts['starts'][table] for facts in sides.values()}) == len(sides), table
