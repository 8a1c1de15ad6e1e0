"""Work beside the training that takes longer than a page may: films and evaluations, in processes of their own."""
