"""When things run, never what they do: the Dagster graph, the pipeline's tick, the processes of `up`, the command line.

Events, prices and money are decided in ingestion/, dbt_project/ and control/; code here calls them in order.
"""
