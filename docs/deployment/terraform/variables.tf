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
