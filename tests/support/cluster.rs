//! A Redis Cluster of three masters, with a replica for each if a test wants that.

use redis::Value;

use super::{Redis, comes_to, free_port};

/// As few as a cluster takes that survives one.
const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
/// After this long without a sign of life a node is taken for dead, in milliseconds.
const NODE_TIMEOUT: &str = "cluster-node-timeout 1000";

/// How many copies of each slot there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    MastersOnly,
    OneReplicaEach,
}

pub struct Cluster {
    /// First the masters, in the order of their slots; then a replica of each, in the same order.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Waits until every node says that all is well.
    pub async fn start(copies: Copies) -> Self {
        let count = match copies {
            Copies::MastersOnly => MASTERS,
            Copies::OneReplicaEach => 2 * MASTERS,
        };
        let mut nodes = Vec::new();
        let mut bus_ports = Vec::new();
        for number in 1..=count {
            let bus_port = free_port();
            let bus = format!("cluster-port {bus_port}");
            let node = Redis::start_with(&["cluster-enabled yes", NODE_TIMEOUT, &bus]).await;
            // Nobody has to give way to anybody who claims the same epoch.
            node.must(&["CLUSTER", "SET-CONFIG-EPOCH", &number.to_string()]).await;
            bus_ports.push(bus_port);
            nodes.push(node);
        }
        let cluster = Self { nodes };
        for (number, master) in cluster.nodes[..MASTERS].iter().enumerate() {
            let (first, last) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS - 1);
            master.must(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
        }
        for (node, bus_port) in cluster.nodes.iter().zip(&bus_ports).skip(1) {
            let (port, bus_port) = (node.port().to_string(), bus_port.to_string());
            cluster.nodes[0].must(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]).await;
        }
        cluster.everybody_knows(count).await;
        for (master, replica) in cluster.nodes.iter().zip(&cluster.nodes[MASTERS..]) {
            let id = master.text(&["CLUSTER", "MYID"]).await.expect("a node has a name");
            replica.must(&["CLUSTER", "REPLICATE", &id]).await;
        }
        cluster.is_well().await;
        cluster
    }

    /// As the store's configuration wants it.
    pub fn url(&self) -> String {
        let masters: Vec<String> = self.nodes[..MASTERS].iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", masters.join(","))
    }

    /// The node that was made the master for a key; a replica may have taken its place since.
    pub async fn master_of(&self, key: &str) -> &Redis {
        let anyone = self.nodes.iter().find(|node| node.runs()).expect("one of them runs");
        let Value::Int(slot) = anyone.must(&["CLUSTER", "KEYSLOT", key]).await else { panic!("a slot is a number") };
        let slot = usize::try_from(slot).expect("a slot is not negative");
        &self.nodes[(0..MASTERS).find(|master| slot < (master + 1) * SLOTS / MASTERS).expect("each slot has a master")]
    }

    /// The replica of the master that serves a key takes its place, with everything that it had (CLUSTER FAILOVER).
    pub async fn hand_over(&self, key: &str) {
        self.replica_of(key).await.must(&["CLUSTER", "FAILOVER"]).await;
        self.is_taken_over(key).await;
    }

    /// Waits until the replica of the node that was made the master for a key is the master.
    pub async fn is_taken_over(&self, key: &str) {
        let replica = self.replica_of(key).await;
        comes_to("the replica is the master", async || match replica.info("role").await {
            Some(role) if role == "master" => Ok(()),
            role => Err(format!("{role:?}")),
        })
        .await;
    }

    async fn replica_of(&self, key: &str) -> &Redis {
        let port = self.master_of(key).await.port();
        let place = self.nodes.iter().position(|node| node.port() == port).expect("it is one of them");
        &self.nodes[MASTERS + place]
    }

    /// Waits until every node that runs says that all slots are served.
    pub async fn is_well(&self) {
        let replicas = self.nodes.len() - MASTERS;
        for (master, replica) in self.nodes.iter().zip(&self.nodes[MASTERS..]) {
            if master.runs() && replica.runs() && master.info("role").await.as_deref() == Some("master") {
                master.is_copied_by(1).await;
            }
        }
        for node in self.nodes.iter().filter(|node| node.runs()) {
            comes_to("the cluster is well", async || {
                let told = node.text(&["CLUSTER", "INFO"]).await.unwrap_or_default();
                let links = node.text(&["CLUSTER", "NODES"]).await.unwrap_or_default();
                let copies = links.lines().filter(|line| line.contains("slave") && !line.contains("fail")).count();
                let is_well = told.contains("cluster_state:ok") && (copies == replicas || replicas == 0);
                if is_well { Ok(()) } else { Err(told + &links) }
            })
            .await;
        }
    }

    async fn everybody_knows(&self, count: usize) {
        for node in &self.nodes {
            comes_to("every node knows every other", async || {
                let told = node.text(&["CLUSTER", "NODES"]).await.unwrap_or_default();
                let is_met = told.lines().count() == count && !told.contains("handshake");
                if is_met { Ok(()) } else { Err(told) }
            })
            .await;
        }
    }
}
