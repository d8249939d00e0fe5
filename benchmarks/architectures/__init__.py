"""The paper's four architectures, pretrained alike: the runs of `architectures.md`."""
