"""The FAQ corpus: its entries, their store and checks, and the retriever that finds them."""
