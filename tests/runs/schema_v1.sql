-- A database of the first version of the tables, with one run that its server left running.
BEGIN TRANSACTION;
CREATE TABLE changes (
	run_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	wall_time_s FLOAT NOT NULL, 
	env_step INTEGER NOT NULL, 
	episode INTEGER NOT NULL, 
	changes JSON NOT NULL, 
	PRIMARY KEY (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "changes" VALUES('20260401-143501-x7k2',0,1.0,30,2,'[{"field": "gamma", "old": 0.99, "new": 0.98}]');
CREATE TABLE episodes (
	run_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	episode INTEGER, 
	env_step INTEGER, 
	wall_time_s FLOAT, 
	episode_return FLOAT, 
	length INTEGER, 
	loss_mean FLOAT, 
	q_mean FLOAT, 
	epsilon FLOAT, 
	gamma FLOAT, 
	learning_rate FLOAT, 
	buffer_size INTEGER, 
	buffer_fill INTEGER, 
	eval_return FLOAT, 
	terminated BOOLEAN, 
	truncated BOOLEAN, 
	PRIMARY KEY (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "episodes" VALUES('20260401-143501-x7k2',0,1,20,0.5,20.0,20,NULL,NULL,0.9,0.99,0.001,10000,20,NULL,1,0);
INSERT INTO "episodes" VALUES('20260401-143501-x7k2',1,2,40,1.0,20.0,20,0.25,1.5,0.9,0.99,0.001,10000,40,NULL,1,0);
INSERT INTO "episodes" VALUES('20260401-143501-x7k2',2,3,60,1.5,20.0,20,0.25,1.5,0.9,0.99,0.001,10000,60,NULL,1,0);
CREATE TABLE runs (
	run_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	config JSON NOT NULL, 
	initial_config JSON NOT NULL, 
	started_at TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	message_template TEXT NOT NULL, 
	message_parameters JSON NOT NULL, 
	compute TEXT NOT NULL, 
	compute_template TEXT NOT NULL, 
	compute_parameters JSON NOT NULL, 
	parameters INTEGER NOT NULL, 
	wall_time_s FLOAT NOT NULL, 
	episodes INTEGER NOT NULL, 
	env_steps INTEGER NOT NULL, 
	updates INTEGER NOT NULL, 
	best_eval FLOAT, 
	PRIMARY KEY (run_id)
);
INSERT INTO "runs" VALUES('20260401-143501-x7k2','CartPole-v1','{"env_id": "CartPole-v1", "seed": 0, "compute": "auto", "gamma": 0.99, "learning_rate": 0.001, "adam_epsilon": 1e-08, "batch_size": 128, "buffer_size": 50000, "warmup_steps": 1000, "hidden_sizes": [64, 64], "loss": "huber", "gradient_clip_value": 0.0, "target_update": "soft", "target_update_every": 500, "target_tau": 0.005, "epsilon_schedule": "linear_steps", "epsilon_start": 1.0, "epsilon_end": 0.02, "epsilon_decay_rate": 10.0, "epsilon_decay_steps": 5000, "update_every": 1, "gradient_steps": 1, "max_episodes": 2000, "max_env_steps": 150000, "max_episode_steps": null, "goal_score": 475.0, "evaluate_every": 10, "evaluation_episodes": 5, "confirmation_episodes": 20}','{"env_id": "CartPole-v1", "seed": 0, "compute": "auto", "gamma": 0.99, "learning_rate": 0.001, "adam_epsilon": 1e-08, "batch_size": 128, "buffer_size": 50000, "warmup_steps": 1000, "hidden_sizes": [64, 64], "loss": "huber", "gradient_clip_value": 0.0, "target_update": "soft", "target_update_every": 500, "target_tau": 0.005, "epsilon_schedule": "linear_steps", "epsilon_start": 1.0, "epsilon_end": 0.02, "epsilon_decay_rate": 10.0, "epsilon_decay_steps": 5000, "update_every": 1, "gradient_steps": 1, "max_episodes": 2000, "max_env_steps": 150000, "max_episode_steps": null, "goal_score": 475.0, "evaluate_every": 10, "evaluation_episodes": 5, "confirmation_episodes": 20}','2026-04-01T14:35:01.000000+00:00','running',NULL,'','{}','','','{}',0,0.0,3,60,0,NULL);
CREATE INDEX ix_runs_started_at ON runs (started_at);
COMMIT;
PRAGMA user_version = 1;
