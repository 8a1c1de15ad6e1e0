"""Many runs for one question: experiments, which vary settings over seeds, and searches for the best of them."""
