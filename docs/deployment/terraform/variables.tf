variable "project" {
  description = "The Google Cloud project, which should hold nothing but this shop."
  type        = string
}

variable "region" {
  description = "Where everything runs and is kept."
  type        = string
  default     = "northamerica-northeast1"
}

variable "image" {
  description = "The image that every process runs, by digest: REGION-docker.pkg.dev/PROJECT/leafloaf/leafloaf@sha256:…"
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, so that every process runs the same."
  }
}

variable "host" {
  description = "The name that the shop's pages and servers call, such as search.shop.example."
  type        = string
}

variable "deployer_password" {
  description = "Of the database role that sets up and migrates. Write it into the secret release-database-url, too."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "deployer_password_version" {
  description = "Raise it to have a new deployer_password written."
  type        = number
  default     = 1
}

variable "database_tier" {
  description = "Cores and memory of Postgres: here 2 and 8 GiB."
  type        = string
  default     = "db-custom-2-8192"
}

variable "max_connections" {
  description = "Of Postgres; docs/deployment.md has the arithmetic."
  type        = number
  default     = 200
}

variable "read_replica" {
  description = "Whether searches are read from a replica of Postgres: it has the price of another one (docs/deployment.md)."
  type        = bool
  default     = false
}

variable "web_instances" {
  description = "How many containers of the web run at least and at most."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 5 }
}

variable "worker_instances" {
  description = "How many containers deliver, erase and count."
  type        = number
  default     = 1
}

variable "retention_days" {
  description = "How long objects and rows are kept: RAW_EVENT_RETENTION_DAYS in leafloaf/settings.py."
  type        = number
  default     = 90
}

variable "graph" {
  description = "Whether the graph memory is kept in Spanner, too: it has the price of an instance (docs/graph.md)."
  type        = bool
  default     = false
}

variable "stream" {
  description = "Whether events go to a topic of Pub/Sub, too (docs/streams.md)."
  type        = bool
  default     = false
}

variable "stream_retention_hours" {
  description = "How long the topic keeps messages: every erasure waits for it. 35 at most, as PUBSUB_RETENTION_HOURS."
  type        = number
  default     = 24

  validation {
    condition     = var.stream_retention_hours >= 1 && var.stream_retention_hours <= 35
    error_message = "From 1 to 35 hours: an erasure has 72, and a dead letter is kept twice as long."
  }
}

variable "broker_on_pubsub" {
  description = "Whether wake-ups go over Pub/Sub and not over Redis (docs/deployment.md)."
  type        = bool
  default     = false
}
