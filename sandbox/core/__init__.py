"""What every part of the sandbox may use: requests and answers, errors, the clock, ids, quotas, timing."""
