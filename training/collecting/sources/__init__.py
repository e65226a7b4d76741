"""Where pictures come from, a file a service. Each module has `items(query, context)`, a generator
of Item.
"""
