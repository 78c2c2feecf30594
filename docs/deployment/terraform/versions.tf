# LeafLoaf on Google Cloud: docs/deployment.md says how to apply it.
terraform {
  # 1.11 brought arguments that are written and never kept in the state.
  required_version = ">= 1.11, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.12"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
