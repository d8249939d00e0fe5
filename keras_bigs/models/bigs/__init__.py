"""The BiGS family: backbone, tokenizer, tasks and their preprocessors."""
