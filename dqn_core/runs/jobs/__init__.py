"""Work beside the training that takes longer than a page may: videos and evaluations, in processes of their own."""
