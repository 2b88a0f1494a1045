# What the pipeline needs besides where cells run in containers: a policy of its own for each identity, as one policy has room for 6,144 characters.

locals {
  container_resources = {
    clusters = [for cell in var.cells : "arn:${local.partition}:ecs:${local.here}:cluster/${cell}"]
    services = [for cell in var.cells : "arn:${local.partition}:ecs:${local.here}:service/${cell}/${cell}-*"]
    tasks    = [for cell in var.cells : "arn:${local.partition}:ecs:${local.here}:task-definition/${cell}-*:*"]
    rollouts = [for cell in var.cells : "arn:${local.partition}:ecs:${local.here}:service-deployment/${cell}/${cell}-*"]
    secrets  = [for cell in var.cells : "arn:${local.partition}:secretsmanager:${local.here}:secret:${cell}-*"]
    front    = flatten([for cell in var.cells : [for kind in ["loadbalancer/app", "targetgroup", "listener/app"] : "arn:${local.partition}:elasticloadbalancing:${local.here}:${kind}/${cell}/*"]])
    links    = [for path in ["/vpclinks", "/vpclinks/*"] : "arn:${local.partition}:apigateway:${var.region}::${path}"]
    outward  = [for kind in ["internet-gateway", "natgateway", "elastic-ip", "network-interface"] : "arn:${local.partition}:ec2:${local.here}:${kind}/*"]
    logs     = [for cell in var.cells : "arn:${local.partition}:logs:${local.here}:log-group:/aws/ecs/${cell}-*"]
    targets  = "arn:${local.partition}:application-autoscaling:${local.here}:scalable-target/*"
    linked   = [for service in values(local.linked_services) : "arn:${local.partition}:iam::${local.account}:role/aws-service-role/${service}/*"]
  }

  # Services that make a role of their own in an account in which they work for the first time.
  linked_services = {
    tasks   = "ecs.amazonaws.com"
    scaling = "ecs.application-autoscaling.amazonaws.com"
    front   = "elasticloadbalancing.amazonaws.com"
    links   = "ops.apigateway.amazonaws.com"
  }

  # Actions that know no resource.
  container_plan_anywhere = [
    "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies", "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute",
    "ec2:DescribeInternetGateways", "ec2:DescribeNatGateways", "ecs:DescribeTaskDefinition", "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
  ]

  container_plan_statements = [
    { Sid = "ReadContainers", Effect = "Allow", Action = ["ecs:DescribeClusters", "ecs:DescribeServices", "ecs:ListTagsForResource"], Resource = concat(local.container_resources.clusters, local.container_resources.services, local.container_resources.tasks) },
    { Sid = "ReadRollouts", Effect = "Allow", Action = ["ecs:DescribeServiceDeployments", "ecs:ListServiceDeployments"], Resource = concat(local.container_resources.services, local.container_resources.rollouts) },
    { Sid = "ReadScaling", Effect = "Allow", Action = ["application-autoscaling:ListTagsForResource"], Resource = local.container_resources.targets },
    # Terraform holds a secret's value against its own.
    { Sid = "ReadSecrets", Effect = "Allow", Action = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue"], Resource = local.container_resources.secrets },
    # Where the cell has a key of its own, Secrets Manager uses it with the caller's rights.
    { Sid = "ReadSecretValues", Effect = "Allow", Action = ["kms:Decrypt"], Resource = "arn:${local.partition}:kms:${local.here}:key/*", Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } } },
    { Sid = "ReadContainerLogs", Effect = "Allow", Action = ["logs:ListTagsForResource"], Resource = local.container_resources.logs },
    { Sid = "ReadLinks", Effect = "Allow", Action = ["apigateway:GET"], Resource = local.container_resources.links },
    { Sid = "ReadAnywhere", Effect = "Allow", Action = local.container_plan_anywhere, Resource = "*" },
  ]

  # Actions that know no resource.
  container_apply_anywhere = ["ecs:CreateCluster", "ecs:RegisterTaskDefinition"]

  container_apply_statements = [
    {
      Sid    = "Containers"
      Effect = "Allow"
      Action = [
        "ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateCluster",
        "ecs:UpdateClusterSettings", "ecs:UpdateService",
      ]
      Resource = concat(local.container_resources.clusters, local.container_resources.services, local.container_resources.tasks)
    },
    {
      Sid      = "Scaling"
      Effect   = "Allow"
      Action   = ["application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget", "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource", "application-autoscaling:UntagResource"]
      Resource = local.container_resources.targets
    },
    {
      Sid      = "ContainerSecrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage"]
      Resource = local.container_resources.secrets
    },
    { Sid = "SecretValues", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:${local.partition}:kms:${local.here}:key/*", Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } } },
    {
      Sid    = "Front"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyListenerAttributes", "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveTags", "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
      ]
      Resource = local.container_resources.front
    },
    { Sid = "Links", Effect = "Allow", Action = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:TagResource", "apigateway:UntagResource"], Resource = local.container_resources.links },
    {
      Sid    = "Outward"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress", "ec2:AttachInternetGateway", "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRoute", "ec2:CreateTags", "ec2:DeleteInternetGateway",
        "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteTags", "ec2:DetachInternetGateway", "ec2:DisassociateAddress", "ec2:ReleaseAddress", "ec2:ReplaceRouteTableAssociation",
      ]
      Resource = concat(local.network, local.container_resources.outward)
    },
    {
      Sid      = "ContainerLogs"
      Effect   = "Allow"
      Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DisassociateKmsKey", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"]
      Resource = concat(local.container_resources.logs, [for group in local.container_resources.logs : "${group}:*"])
    },
    { Sid = "LinkedRoles", Effect = "Allow", Action = ["iam:CreateServiceLinkedRole"], Resource = local.container_resources.linked, Condition = { StringEquals = { "iam:AWSServiceName" = values(local.linked_services) } } },
    { Sid = "Anywhere", Effect = "Allow", Action = local.container_apply_anywhere, Resource = "*", Condition = { StringEquals = { "aws:RequestedRegion" = var.region } } },
  ]

  # What starts containers may be given, in the boundary: the image may lie in another account's registry.
  container_boundary = [
    { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
    { Sid = "Images", Effect = "Allow", Action = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Resource = "arn:${local.partition}:ecr:*:*:repository/*" },
    { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = local.container_resources.secrets },
    { Sid = "ContainerLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = [for group in local.container_resources.logs : "${group}:*"] },
  ]
}

locals {
  # What an apply changes is more than one policy takes: what containers run in is another.
  container_surroundings = ["Front", "Links", "Outward", "ContainerLogs", "LinkedRoles"]

  container_policies = {
    plan    = local.container_plan_statements
    apply   = [for statement in local.container_apply_statements : statement if !contains(local.container_surroundings, statement.Sid)]
    network = [for statement in local.container_apply_statements : statement if contains(local.container_surroundings, statement.Sid)]
  }
}

resource "aws_iam_policy" "containers" {
  for_each    = local.container_policies
  name        = "${var.name}-${each.key}-containers"
  description = each.key == "plan" ? "What a plan reads of cells in containers." : "What an apply changes of cells in containers."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
  tags        = var.tags

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= local.policy_limit
      error_message = local.too_large
    }
  }
}

resource "aws_iam_role_policy_attachment" "containers" {
  for_each   = aws_iam_policy.containers
  role       = aws_iam_role.pipeline[each.key == "plan" ? "plan" : "apply"].name
  policy_arn = each.value.arn
}

# An apply reads what a plan does.
resource "aws_iam_role_policy_attachment" "containers_read" {
  role       = aws_iam_role.pipeline["apply"].name
  policy_arn = aws_iam_policy.containers["plan"].arn
}
