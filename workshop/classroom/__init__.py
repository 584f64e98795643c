"""A class: who is in it, what each learner gets in Azure or the sandbox, and how far they are."""
