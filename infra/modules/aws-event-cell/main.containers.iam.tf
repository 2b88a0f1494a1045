# What containers may do beyond what the function of the same part may, and what starts them; what a cluster's containers may do.

locals {
  # Of a container's image: account, region and repository, where it lies in ECR. Of another registry nothing is granted.
  repository = try(regex("^(\\d{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.[a-z.]+/([a-z0-9._/-]+?)(?::[A-Za-z0-9._-]+)?@", coalesce(var.release.image, "none")), null)

  container_grants = {
    relay = [
      # The streams of a table are listed by table.
      { Sid = "Streams", Effect = "Allow", Action = ["dynamodb:ListStreams"], Resource = "${local.events_arn}/stream/*" },
      # Replicas share the stream's shards by rows in the state.
      { Sid = "Feed", Effect = "Allow", Action = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], Resource = local.state_arn },
    ]
  }

  pull_grants = local.repository == null ? [] : [
    # This action knows no resource.
    { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
    {
      Sid      = "Image"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = "arn:${local.partition}:ecr:${local.repository[1]}:${local.repository[0]}:repository/${local.repository[2]}"
    },
  ]

  # Every statement once, without the names that would be there twice: the parts of a cluster share a service account.
  cluster_grants = [
    for text in distinct([
      for statement in flatten([values(local.grants), values(local.container_grants), local.key_grants]) : jsonencode({ for key, value in statement : key => value if key != "Sid" })
    ]) : jsondecode(text)
  ]

  tasks_assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })

  issuer = try(trimprefix(var.cluster.issuer, "https://"), "")
}

# A role of its own: the function's is Lambda's alone.
resource "aws_iam_role" "task" {
  for_each             = local.containers
  name                 = "${local.id}-${each.key}_task"
  permissions_boundary = var.options.permissions_boundary
  tags                 = local.tags
  assume_role_policy   = local.tasks_assume
}

resource "aws_iam_role_policy" "task" {
  for_each = local.containers
  name     = "task"
  role     = aws_iam_role.task[each.key].id
  policy   = jsonencode({ Version = "2012-10-17", Statement = concat(local.grants[each.key], local.key_grants, lookup(local.container_grants, each.key, [])) })
}

# What Fargate itself does before a part runs: it pulls the image, reads the part's secrets and opens its log.
resource "aws_iam_role" "start" {
  for_each             = local.containers
  name                 = "${local.id}-${each.key}_start"
  permissions_boundary = var.options.permissions_boundary
  tags                 = local.tags
  assume_role_policy   = local.tasks_assume
}

resource "aws_iam_role_policy" "start" {
  for_each = local.containers
  name     = "start"
  role     = aws_iam_role.start[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.pull_grants,
      [{ Sid = "Log", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*" }],
      # A part without secrets reads none.
      [for statement in [{ Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = values(local.container_secrets[each.key]) }] : statement if length(statement.Resource) > 0],
      [for statement in local.key_grants : statement if length(local.container_secrets[each.key]) > 0],
    )
  })
}

# The service account of the cell's namespace in the operator's own cluster. The cluster's issuer must be an identity provider of the account.
resource "aws_iam_role" "cluster" {
  count                = local.in_cluster ? 1 : 0
  name                 = "${local.id}-cluster"
  permissions_boundary = var.options.permissions_boundary
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer}" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "system:serviceaccount:${coalesce(var.cluster.namespace, local.id)}:${coalesce(var.cluster.service_account, local.id)}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "cluster" {
  count  = local.in_cluster ? 1 : 0
  name   = "cluster"
  role   = aws_iam_role.cluster[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.cluster_grants })
}

locals {
  # Without what is a secret, and with what every part reads.
  settings = merge(
    { for key, value in merge(local.shared_environment, local.http_environment, local.lease_environment, local.copies_environment) : key => value if !contains(local.secret_variables, key) },
    { for key, value in local.container_environment : key => value if key == "AWS_REGION" },
    local.worker_container_environment,
  )
}
