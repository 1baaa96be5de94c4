"""The assets of the graph, a module a stage. A body calls one function and reports; what it calls lives in its own package.

Keys are [layer, table], as in the dbt project's sources and models, so that the graph has one name for each table.
"""
