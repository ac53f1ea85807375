-- A store as version 1 of the schema left it. Never change it: later versions must read it.
PRAGMA application_id = 1213551687;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE attempts (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        job INTEGER NOT NULL,
        element INTEGER NOT NULL,
        tenant INTEGER NOT NULL,
        site TEXT NOT NULL,
        accelerator TEXT NOT NULL,
        cpu_milli INTEGER NOT NULL,
        accelerator_milli INTEGER NOT NULL,
        metered_ms INTEGER,
        duration_ms INTEGER NOT NULL,
        cost_microcny INTEGER NOT NULL,
        body TEXT NOT NULL
    );
INSERT INTO "attempts" VALUES(1,'abc123-j1-1',1,-1,1,'bj','ascend-910b',8000,2000,1700000009000,4000,4000000,'{"id":"abc123-j1-1","job":"j1","element":null,"number":1,"tenant":"acme/vision","site":"bj","pool":"bj/gpu","nodes":[{"node":"bj/n1","tasks":2}],"needs":{"cpu_milli":4000,"memory_mib":8192,"accelerator_milli":1000},"accelerator":"ascend-910b","state":"ended","placed_ms":1700000003000,"started_ms":1700000005000,"ended_ms":1700000009000,"rate_microcny_per_hour":3600000000,"cost_microcny":4000000,"placed_reason":{"code":"placed.only"},"reason":{"code":"ended.completed"},"explanation":{"filtered":{"memory":3},"candidates":[],"fair_share_milli":250},"priority":"normal"}');
INSERT INTO "attempts" VALUES(2,'abc123-j2-2-1',2,2,2,'tj','ascend-910b',8000,2000,NULL,0,0,'{"id":"abc123-j2-2-1","job":"j2","element":2,"number":1,"tenant":"acme","site":"tj","pool":"tj/gpu","nodes":[{"node":"tj/n1","tasks":2}],"needs":{"cpu_milli":4000,"memory_mib":8192,"accelerator_milli":1000},"accelerator":"ascend-910b","state":"placed","placed_ms":1700000006000,"started_ms":0,"ended_ms":0,"rate_microcny_per_hour":3600000000,"cost_microcny":0,"placed_reason":{"code":"placed.only"},"reason":null,"explanation":{"filtered":{"memory":3},"candidates":[],"fair_share_milli":250},"priority":"normal"}');
CREATE TABLE elements (
        job INTEGER NOT NULL,
        element INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, element)
    ) WITHOUT ROWID
    ;
INSERT INTO "elements" VALUES(2,2,'{"job":"j2","element":2,"state":"succeeded","ended_ms":1700000007000,"reason":{"code":"ended.completed"}}');
CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        tenant INTEGER NOT NULL,
        state TEXT NOT NULL,
        name TEXT NOT NULL,
        site TEXT NOT NULL,
        key TEXT NOT NULL,
        accepted INTEGER NOT NULL,
        body TEXT NOT NULL
    );
INSERT INTO "jobs" VALUES(1,1,'succeeded','train','bj','run-1',1,'{"id":"j1","number":1,"tenant":"acme/vision","name":"train","state":"succeeded","priority":"normal","tasks":1,"elements":1,"counts":{"queued":1,"live":0,"succeeded":0,"failed":0,"cancelled":0},"submitted_ms":1700000001000,"accepted_position":1,"started_ms":0,"ended_ms":1700000008000,"attempts":1,"site":"bj","accelerator":"","reason":null,"cost_microcny":0,"key":"run-1","by":"ada","source":""}');
INSERT INTO "jobs" VALUES(2,2,'placed','sweep','tj','',2,'{"id":"j2","number":2,"tenant":"acme","name":"sweep","state":"placed","priority":"normal","tasks":1,"elements":3,"counts":{"queued":3,"live":0,"succeeded":0,"failed":0,"cancelled":0},"submitted_ms":1700000002000,"accepted_position":2,"started_ms":0,"ended_ms":0,"attempts":1,"site":"tj","accelerator":"","reason":null,"cost_microcny":0,"key":"","by":"ada","source":""}');
CREATE TABLE journal (position INTEGER PRIMARY KEY, entry TEXT NOT NULL);
INSERT INTO "journal" VALUES(1,'{"position":1,"at_ms":1700000001000,"cause":"cause-1","event":{"kind":"JobAccepted","job":"j1","spec":{"name":"train","program":{"script":"#!/bin/sh\necho ''it''''s 任务''\n","argv":[],"setup":"","env":{},"files":[],"workdir":null},"tenant":"acme/vision"},"key":"run-1","by":"ada"}}');
INSERT INTO "journal" VALUES(2,'{"position":2,"at_ms":1700000002000,"cause":"cause-2","event":{"kind":"JobAccepted","job":"j2","spec":{"name":"sweep","program":{"script":"true","argv":[],"setup":"","env":{},"files":[],"workdir":null},"tenant":"acme","array":{"count":3,"first":0,"step":1,"max_parallel":0}},"by":"ada"}}');
INSERT INTO "journal" VALUES(3,'{"position":3,"at_ms":1700000003000,"cause":"cause-3","event":{"kind":"PlanDecided","cycle":2,"placements":[{"attempt":"abc123-j1-1","job":"j1","number":1,"token":2,"site":"bj","pool":"bj/gpu","nodes":[{"node":"bj/n1","tasks":2}],"needs":{"cpu_milli":4000,"memory_mib":8192,"accelerator_milli":1000},"rate_microcny_per_hour":3600000000,"expected_end_ms":1700000062000,"reason":{"code":"placed.only"},"explanation":{"filtered":{"memory":3},"candidates":[],"fair_share_milli":250},"accelerator":"ascend-910b"}]}}');
INSERT INTO "journal" VALUES(4,'{"position":4,"at_ms":1700000004000,"cause":"cause-4","event":{"kind":"AttemptMoved","attempt":"abc123-j1-1","state":"running","started_ms":1700000005000}}');
INSERT INTO "journal" VALUES(5,'{"position":5,"at_ms":1700000005000,"cause":"cause-5","event":{"kind":"AttemptEnded","attempt":"abc123-j1-1","reason":{"code":"ended.completed"},"started_ms":1700000005000,"ended_ms":1700000009000}}');
INSERT INTO "journal" VALUES(6,'{"position":6,"at_ms":1700000006000,"cause":"cause-6","event":{"kind":"PlanDecided","cycle":5,"placements":[{"attempt":"abc123-j2-2-1","job":"j2","number":1,"token":5,"site":"tj","pool":"tj/gpu","nodes":[{"node":"tj/n1","tasks":2}],"needs":{"cpu_milli":4000,"memory_mib":8192,"accelerator_milli":1000},"rate_microcny_per_hour":3600000000,"expected_end_ms":1700000065000,"reason":{"code":"placed.only"},"explanation":{"filtered":{"memory":3},"candidates":[],"fair_share_milli":250},"accelerator":"ascend-910b","element":2}]}}');
INSERT INTO "journal" VALUES(7,'{"position":7,"at_ms":1700000007000,"cause":"cause-7","event":{"kind":"ElementEnded","job":"j2","element":2,"state":"succeeded","reason":{"code":"ended.completed"}}}');
INSERT INTO "journal" VALUES(8,'{"position":8,"at_ms":1700000008000,"cause":"cause-8","event":{"kind":"JobEnded","job":"j1","state":"succeeded","reason":{"code":"ended.completed"}}}');
CREATE TABLE snapshots (
        position INTEGER PRIMARY KEY,
        file TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    );
CREATE TABLE story (
        job INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (job, position)
    ) WITHOUT ROWID
    ;
INSERT INTO "story" VALUES(1,3);
INSERT INTO "story" VALUES(1,4);
INSERT INTO "story" VALUES(1,5);
INSERT INTO "story" VALUES(1,8);
INSERT INTO "story" VALUES(2,6);
INSERT INTO "story" VALUES(2,7);
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "tenants" VALUES(1,'acme/vision');
INSERT INTO "tenants" VALUES(2,'acme');
CREATE TABLE tokens (digest TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "tokens" VALUES('abababababababababababababababababababababababababababababababab','{"digest":"abababababababababababababababababababababababababababababababab","name":"laptop","scope":"member","subject":"acme","created_ms":1700000000000,"revoked_ms":0,"expires_ms":0}');
CREATE TABLE writer (epoch INTEGER NOT NULL, position INTEGER NOT NULL);
INSERT INTO "writer" VALUES(1,8);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_tenant ON jobs (tenant, state);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_site ON jobs (site) WHERE site <> '';
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, key) WHERE key <> '';
CREATE INDEX attempts_by_element ON attempts (job, element);
CREATE INDEX attempts_of_arrays ON attempts (job) WHERE element >= 0;
CREATE INDEX attempts_usage ON attempts (
        tenant, site, accelerator, metered_ms,
        duration_ms, cpu_milli, accelerator_milli, cost_microcny
    ) WHERE metered_ms IS NOT NULL
    ;
COMMIT;
