"""Many runs as a service: started, steered, logged and looked at by any number of viewers.

    RunManager ──starts──> RunThread (one a run) ──events──> RunRecorder ──┬──> RunStore (SQLite)
         │                     ^                                           └──> LiveFeed (memory)
         └──commands───────────┘ mailbox

The thread's events come from a Trainer that it runs itself, or, for a run beside others, from one in a process:

    RunThread <── ProcessTrainer <──events── pipe ── Outbox <── Trainer      (a WorkerProcess of the pool)
    mailbox ─────────────────────commands──> pipe ─> mailbox ──────┘

Or on a machine of a Ray cluster, whose actor outlives the server:

    RunThread <── RayTrainer <──reads──── WorkerActor <── pipe ── Outbox <── Trainer
    mailbox ─────────────────────commands──> WorkerActor ── pipe ─> mailbox ──────┘

A RunView joins what the store and the feed know into one history, which a viewer reads from a cursor of its own.
"""
